// One reconstruction from a file to a file.
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { encodeNpy } from '../formats/index.ts';
import {
  assertScan,
  backProject,
  circularMask,
  findCentre,
  findCentreByPhase,
  findCentreVo,
  InputError,
  type OppositeProjections,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  removeRings,
  type Scan,
  scanDoubts,
} from '../kernels/index.ts';
import type { ReconOptions } from './options.ts';
import { readArrays, readNumbers, readScanFile, readTable } from './read-scan.ts';

/** Two degrees: a scan of 180 projections may stop one short. */
const oppositeTolerance = (2 * Math.PI) / 180;

/** The SIMD kernels, compiled; what is left out is done in plain TypeScript. */
export interface ReconKernels {
  readonly gridrec?: WebAssembly.Module | undefined;
  readonly iterative?: WebAssembly.Module | undefined;
  readonly fbp?: WebAssembly.Module | undefined;
  readonly rings?: WebAssembly.Module | undefined;
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
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): Promise<ReconReport> {
  const { input } = options;
  assertWritable(options.out);
  for (const flag of options.ignored) warn(`--${flag} means nothing to ${options.algorithm} in ${options.mode} mode`);
  const read =
    input.kind === 'scan' ? await readScanFile(input.path, kernels.lines) : readArrays(input.sinogram, input.theta);
  const scan = options.rings === undefined ? read : withoutRings(read, options.rings, kernels.rings);
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

/** What is no scan is said to be none first: medians would hide a NaN. */
function withoutRings(scan: Scan, width: number, kernel: WebAssembly.Module | undefined): Scan {
  assertScan(scan);
  return { ...scan, sinogram: removeRings(scan, width, kernel) };
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

function reconstructBy(
  options: ReconOptions,
  scan: Scan & { readonly centre: number | Float64Array },
  { gridrec, iterative, fbp }: ReconKernels,
): Float32Array<ArrayBuffer> {
  const { algorithm, mode, filter, grid, iterations, blocks, order } = options;
  const given = options.filterParameters;
  const filterParameters = given !== undefined && 'file' in given ? readTable(given.file) : given;
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

/** As given, as found, or half the columns. */
function centreOf(
  options: ReconOptions,
  scan: Scan,
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): number | Float64Array {
  const { centre, input, algorithm } = options;
  if (typeof centre === 'number') return centre;
  if (centre !== undefined) return readNumbers(centre.file);
  const method = options.findCentre ?? (input.kind === 'scan' ? 'entropy' : undefined);
  if (method === undefined) return scan.columns / 2;
  // The iterative methods count columns from their edges.
  const offset = algorithm !== 'gridrec' && !isFiltered(options) ? 0.5 : 0;
  if (method === 'vo') return findCentreVo(scan) + offset;
  if (method === 'phase') return findCentreByPhase(oppositeProjections(scan)) + offset;
  const found = findCentre(scan, kernels.gridrec);
  if (found.kind === 'found') return found.centre + offset;
  warn(`no rotation axis found: ${found.reason}; taking the middle`);
  return found.centre;
}

/** The first projection, and the one that is closest to half a turn from it; all slices are their rows. */
function oppositeProjections({ sinogram, slices, angles, columns, theta }: Scan): OppositeProjections {
  const away = (angle: number): number => Math.abs(Math.abs((theta[angle] as number) - (theta[0] as number)) - Math.PI);
  const last = theta.reduce((best, _, angle) => (away(angle) < away(best) ? angle : best), 0);
  if (away(last) > oppositeTolerance) {
    const nearest = (180 * (Math.PI - away(last))) / Math.PI;
    throw new InputError(
      'theta',
      `no projection is half a turn from the first one (the nearest is at ${nearest.toFixed(1)} degrees).`,
    );
  }
  const projection = (angle: number): Float32Array => {
    const values = new Float32Array(slices * columns);
    for (let slice = 0; slice < slices; slice++) {
      const at = (slice * angles + angle) * columns;
      values.set(sinogram.subarray(at, at + columns), slice * columns);
    }
    return values;
  };
  return { first: projection(0), opposite: projection(last), columns };
}
