// One reconstruction from a file to a file.
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { encodeNpy } from '../formats/index.ts';
import { InputError } from '../kernels/index.ts';
import { type ReconKernels, type ReconMethod, reconstructScan } from '../recon/reconstruct-scan.ts';
import type { ReconOptions } from './options.ts';
import { readArrays, readNumbers, readScanFile, readTable } from './read-scan.ts';

/** The SIMD kernels, compiled; what is left out is done in plain TypeScript. */
export interface OfflineKernels extends ReconKernels {
  readonly lines?: WebAssembly.Module | undefined;
}

/** What was done, for people and for scripts. */
export interface ReconReport {
  readonly algorithm: string;
  readonly mode: string;
  readonly shape: readonly [slices: number, rows: number, columns: number];
  readonly angles: number;
  /** undefined where each slice has its own. */
  readonly centre: number | undefined;
  readonly seconds: number;
  readonly out: string;
}

/** Throws `InputError` and `FormatError` for what cannot be reconstructed. `warn` is told of what looks like a mistake. */
export async function runRecon(
  options: ReconOptions,
  { kernels, warn }: { readonly kernels: OfflineKernels; readonly warn: (text: string) => void },
): Promise<ReconReport> {
  const { input, algorithm, mode, out, ignored } = options;
  assertWritable(out);
  for (const flag of ignored) warn(`--${flag} means nothing to ${algorithm} in ${mode} mode`);
  const scan =
    input.kind === 'scan' ? await readScanFile(input.path, kernels.lines) : readArrays(input.sinogram, input.theta);
  const { values, grid, centre, seconds } = reconstructScan(methodOf(options), scan, { kernels, warn });
  const shape = [scan.slices, grid.rows, grid.columns] as const;
  writeFileSync(out, encodeNpy({ shape, values }));
  const one = typeof centre === 'number' ? centre : undefined;
  return { algorithm, mode, shape, angles: scan.angles, centre: one, seconds, out };
}

function methodOf(options: ReconOptions): ReconMethod {
  const { centresFile, filterFile, centre, filterParameters } = options;
  return {
    ...options,
    centre: centresFile === undefined ? centre : readNumbers(centresFile),
    filterParameters: filterFile === undefined ? filterParameters : readTable(filterFile),
  };
}

/** Said before the work, and not after an hour of it. */
function assertWritable(path: string): void {
  const refuse = (why: string): never => {
    throw new InputError('option', `--out ${path} cannot be written: ${why}. Give a file in a folder that exists.`);
  };
  try {
    accessSync(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) refuse('it is a folder');
}
