// What filtered back-projection is told, and its checks; shared by the plain and the SIMD version.
import { accurateFilterBins, type FilterBins } from '../fourier/filter-bins.ts';
import { resolveFilter } from '../fourier/filters.ts';
import { assertGrid, type GridShape } from '../scan/grid.ts';
import { assertScan, type Scan } from '../scan/scan.ts';

export interface FbpOptions extends Scan {
  /** Rotation axis as a sample index, one for all slices or one a slice. Default columns / 2. */
  readonly centre?: number | Float64Array | undefined;
  /** Default shepp. */
  readonly filter?: string | undefined;
  readonly filterParameters?: ArrayLike<number> | undefined;
  /** fbp.as.ts, compiled; without it plain TypeScript does the work. */
  readonly kernel?: WebAssembly.Module | undefined;
  /** Pixels of the picture. Default columns x columns. */
  readonly grid?: GridShape | undefined;
}

/** Samples a detector column of the filtered line. */
export const fineness = 2;

/** A power of two of at least twice the columns, so that the ends of a line do not run into each other. */
export function filteredLength(columns: number): number {
  let length = 16;
  while (length < 2 * columns) length *= 2;
  return length;
}

export function resolveFbp(options: FbpOptions): { readonly grid: GridShape; readonly bins: FilterBins } {
  assertScan(options);
  const { angles, columns } = options;
  const grid = assertGrid(options.grid ?? { rows: columns, columns });
  const filter = resolveFilter(options.filter ?? 'shepp', options.filterParameters);
  return { grid, bins: accurateFilterBins(filteredLength(columns), angles, filter) };
}
