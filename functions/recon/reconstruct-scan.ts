// Slices from line integrals, by any algorithm: stripes taken out, the axis looked for, reconstructed, masked. What `npm run recon` does with a
// file, and a function with the arrays of a call.
import {
  assertScan,
  backProject,
  circularMask,
  findCentre,
  findCentreByPhase,
  findCentreVo,
  type GridShape,
  isWholeInView,
  oppositeProjections,
  type ReconstructorCache,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  removeRings,
  type Scan,
  scanDoubts,
} from '../kernels/index.ts';
import type { MethodOptions } from './method-options.ts';

/** The SIMD kernels, compiled; what is left out is done in plain TypeScript. */
export interface ReconKernels {
  readonly gridrec?: WebAssembly.Module | undefined;
  readonly iterative?: WebAssembly.Module | undefined;
  readonly fbp?: WebAssembly.Module | undefined;
  readonly rings?: WebAssembly.Module | undefined;
  /** GridRec's kernel with what it keeps from scan to scan, instead of `gridrec`. */
  readonly cache?: ReconstructorCache | undefined;
}

/** As the options say it, with what comes from files in their place. */
export interface ReconMethod extends Omit<MethodOptions, 'centre' | 'filterParameters'> {
  readonly centre: number | Float64Array | undefined;
  readonly filterParameters: ArrayLike<number> | undefined;
}

export interface Reconstructed {
  /** Slices x grid rows x grid columns. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly grid: GridShape;
  /** As the algorithm counts it, one for all slices or one a slice. */
  readonly centre: number | Float64Array;
  readonly seconds: number;
}

/** Throws `InputError`. `warn` is told of what looks like a mistake. */
export function reconstructScan(
  method: ReconMethod,
  measured: Scan,
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): Reconstructed {
  const scan = method.rings === undefined ? measured : withoutRings(measured, method.rings, kernels.rings);
  for (const doubt of scanDoubts(scan)) warn(doubt);
  const centre = centreOf(method, scan, { kernels, warn });
  const grid = method.grid ?? { rows: scan.columns, columns: scan.columns };
  const startedMs = performance.now();
  const values = reconstructBy(method, { ...scan, centre }, kernels);
  if (method.maskRatio !== undefined) circularMask(values, grid, method.maskRatio);
  return { values, grid, centre, seconds: (performance.now() - startedMs) / 1000 };
}

/** What is no scan is said to be none first: medians would hide a NaN. */
function withoutRings(scan: Scan, width: number, kernel: WebAssembly.Module | undefined): Scan {
  assertScan(scan);
  return { ...scan, sinogram: removeRings(scan, width, kernel) };
}

function reconstructBy(
  method: ReconMethod,
  scan: Scan & { readonly centre: number | Float64Array },
  { gridrec, cache, iterative, fbp }: ReconKernels,
): Float32Array<ArrayBuffer> {
  const { algorithm, mode, filter, filterParameters, grid, iterations, blocks, order } = method;
  const common = { ...scan, grid };
  if (algorithm === 'gridrec')
    return reconstruct({ ...common, kernel: gridrec, cache, mode, filter, filterParameters });
  if (algorithm !== 'fbp') {
    return reconstructIterative({ ...common, kernel: iterative, algorithm, iterations, blocks, order });
  }
  return isFiltered(method)
    ? reconstructFbp({ ...common, kernel: fbp, filter, filterParameters })
    : backProject({ ...common, kernel: iterative });
}

/** Filtered back-projection, and not TomoPy's plain one or an iteration. */
function isFiltered({ algorithm, mode, filter }: ReconMethod): boolean {
  return algorithm === 'fbp' && mode !== 'compat' && filter !== 'none';
}

/** As given, as found, or half the columns. */
function centreOf(
  method: ReconMethod,
  scan: Scan,
  { kernels, warn }: { readonly kernels: ReconKernels; readonly warn: (text: string) => void },
): number | Float64Array {
  const { centre, algorithm, findCentre: by } = method;
  if (centre !== undefined) return centre;
  if (by === undefined) return scan.columns / 2;
  // The iterative methods count columns from their edges.
  const offset = algorithm !== 'gridrec' && !isFiltered(method) ? 0.5 : 0;
  if (by === 'vo') return findCentreVo(scan) + offset;
  if (by === 'phase') {
    const projections = oppositeProjections(scan);
    if (!isWholeInView(projections))
      warn(
        'the sample leaves the view on a side, where phase correlation may be wrong: compare the axis with vo or entropy',
      );
    return findCentreByPhase(projections) + offset;
  }
  const found = findCentre(scan, kernels.gridrec);
  if (found.kind === 'found') return found.centre + offset;
  warn(`no rotation axis found: ${found.reason}; taking the middle`);
  return found.centre;
}
