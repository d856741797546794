// One reconstruction from a file to a file.
import { writeFileSync } from 'node:fs';
import { encodeNpy } from '../formats/index.ts';
import {
  backProject,
  circularMask,
  findCentre,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  type Scan,
  scanDoubts,
} from '../kernels/index.ts';
import type { ReconOptions } from './options.ts';
import { readArrays, readNumbers, readScanFile } from './read-scan.ts';

/** The SIMD kernels, compiled; what is left out is done in plain TypeScript. */
export interface ReconKernels {
  readonly gridrec?: WebAssembly.Module | undefined;
  readonly iterative?: WebAssembly.Module | undefined;
  readonly fbp?: WebAssembly.Module | undefined;
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
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): Promise<ReconReport> {
  const { input } = options;
  const scan = input.kind === 'scan' ? await readScanFile(input.path) : readArrays(input.sinogram, input.theta);
  for (const doubt of scanDoubts(scan)) warn(doubt);
  const centre = centreOf(options, scan, { kernels, warn });
  const grid = options.grid ?? { rows: scan.columns, columns: scan.columns };
  const startedMs = performance.now();
  const values = reconstructBy(options, { ...scan, centre }, kernels);
  if (options.maskRatio !== undefined) circularMask(values, grid, options.maskRatio);
  const seconds = (performance.now() - startedMs) / 1000;
  const shape = [scan.slices, grid.rows, grid.columns] as const;
  writeFileSync(options.out, encodeNpy({ shape, values }));
  const { algorithm, mode, out } = options;
  return {
    algorithm,
    mode,
    shape,
    angles: scan.angles,
    centre: typeof centre === 'number' ? centre : undefined,
    seconds,
    out,
  };
}

function reconstructBy(
  options: ReconOptions,
  scan: Scan & { readonly centre: number | Float64Array },
  { gridrec, iterative, fbp }: ReconKernels,
): Float32Array<ArrayBuffer> {
  const { algorithm, mode, filter, grid, iterations, blocks, order } = options;
  const given = options.filterParameters;
  const filterParameters = given !== undefined && 'file' in given ? readNumbers(given.file) : given;
  const common = { ...scan, grid };
  if (algorithm === 'gridrec') return reconstruct({ ...common, kernel: gridrec, mode, filter, filterParameters });
  if (algorithm !== 'fbp') {
    return reconstructIterative({ ...common, kernel: iterative, algorithm, iterations, blocks, order });
  }
  return isFiltered(options)
    ? reconstructFbp({ ...common, kernel: fbp, filter, filterParameters })
    : backProject({ ...common, kernel: iterative });
}

/** Filtered back-projection, and not TomoPy's plain one or an iteration. */
function isFiltered({ algorithm, mode, filter }: ReconOptions): boolean {
  return algorithm === 'fbp' && mode !== 'compat' && filter !== 'none';
}

/** As given; else half the columns, and in a recorded scan what the search finds. */
function centreOf(
  options: ReconOptions,
  scan: Scan,
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): number | Float64Array {
  const { centre, input, algorithm } = options;
  if (typeof centre === 'number') return centre;
  if (centre !== undefined) return readNumbers(centre.file);
  if (input.kind === 'arrays') return scan.columns / 2;
  const found = findCentre(scan, kernels.gridrec);
  if (found.kind === 'failed') warn(`no rotation axis found: ${found.reason}; taking the middle`);
  // The iterative methods count columns from their edges.
  const fromEdge = algorithm !== 'gridrec' && !isFiltered(options);
  return found.kind === 'found' && fromEdge ? found.centre + 0.5 : found.centre;
}
