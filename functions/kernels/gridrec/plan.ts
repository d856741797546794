// What a reconstruction needs to know before it sees data: sizes, filter, angles, kernel, axes. Made once, the same for the plain and the
// SIMD version.
//
// Geometry: s = x cos(theta) + y sin(theta), x to the right, y up, unit = one detector column. `centre` is the rotation axis as a
// sample index. The axis is shown at column n/2, row n/2 - 1 (accurate mode: also for odd n, between the pixels;
// compat mode: TomoPy's whole pixel). Values are attenuation per column.
import { accurateFilterBins, compatFilterBins, type FilterBins } from '../fourier/filter-bins.ts';
import { resolveFilter } from '../fourier/filters.ts';
import { angleWeights } from '../scan/angle-weights.ts';
import { InputError } from '../scan/errors.ts';
import { assertGrid, type GridShape } from '../scan/grid.ts';
import { assertScanShape, type ScanShape } from '../scan/scan.ts';
import { accurateAxis, compatAxis, type ImageAxis, originPixel } from './image.ts';
import { createProlateFunction, tabulateKernel } from './pswf.ts';

/**
 * `accurate`: padded to 2x, true ramp, divided by the kernel's true transform, gain 1, angles weighted by the part they stand for.
 * `compat`: TomoPy's numbers, its gain of 1.119 and its shading off the centre included.
 */
export type GridrecMode = 'accurate' | 'compat';

export interface ReconstructorOptions extends ScanShape {
  readonly mode: GridrecMode;
  readonly filter: string;
  /** Cut-off and order; the table of a `custom` filter. */
  readonly filterParameters?: ArrayLike<number> | undefined;
  /** Pixels of the picture, cut out of the middle or padded. Default columns x columns. */
  readonly grid?: GridShape | undefined;
}

/** 2 GiB in plain TypeScript. */
const gridSizeMax = 16_384;

/** Kernel table entries a grid cell: TomoPy's 256, and 1024 where the error of the nearest entry must not be seen. */
const kernelDensity = { compat: 256, accurate: 1024 } as const;

/** The smallest power of two that holds the columns; twice that in accurate mode. */
export function gridSize(columns: number, mode: GridrecMode): number {
  let size = 16;
  while (size < columns) size *= 2;
  return mode === 'accurate' ? 2 * size : size;
}

export interface GridrecPlan {
  readonly columns: number;
  readonly angles: number;
  /** Side of the frequency grid, and the length to which lines are padded. */
  readonly size: number;
  readonly grid: GridShape;
  readonly bins: FilterBins;
  /** What each angle stands for. */
  readonly scales: Float64Array;
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
  /** The gridding kernel at distance i / density. */
  readonly kernel: Float64Array;
  readonly density: number;
  readonly across: ImageAxis;
  readonly down: ImageAxis;
  /** How far the shown origin lies from the whole pixel of the FFT: 1/2 for odd sides in accurate mode. */
  readonly originShift: { readonly x: number; readonly y: number };
  readonly accurate: boolean;
  /** Math.fround where TomoPy's rounding is wanted. */
  readonly precision: (value: number) => number;
}

/** Throws `InputError`. */
export function planGridrec(options: ReconstructorOptions): GridrecPlan {
  assertScanShape(options);
  const { columns, angles, theta, mode } = options;
  const accurate = mode === 'accurate';
  const filter = resolveFilter(options.filter, options.filterParameters);
  const size = gridSize(columns, mode);
  assertGridSize(size, columns);
  const grid = assertGrid(options.grid ?? { rows: columns, columns });
  assertFits(grid, size);
  const prolate = createProlateFunction();
  const density = kernelDensity[mode];
  const kernel = tabulateKernel(prolate, density);
  const precision = accurate ? (value: number): number => value : Math.fround;
  const axisOf = (pixels: number): ImageAxis =>
    accurate ? accurateAxis(size, pixels, prolate) : compatAxis(size, pixels, { kernel, ...prolate });
  const shiftOf = (pixels: number): number => (accurate ? originPixel(size, pixels) - pixels / 2 : 0);
  return {
    columns,
    angles,
    size,
    grid,
    bins: accurate ? accurateFilterBins(size, angles, filter) : compatFilterBins(size, angles, filter),
    scales: accurate ? angleWeights(theta) : new Float64Array(angles).fill(1),
    cosines: theta.map((angle) => precision(Math.cos(precision(angle)))),
    sines: theta.map((angle) => precision(Math.sin(precision(angle)))),
    kernel,
    density,
    across: axisOf(grid.columns),
    down: axisOf(grid.rows),
    originShift: { x: shiftOf(grid.columns), y: shiftOf(grid.rows) },
    accurate,
    precision,
  };
}

/** How far the picture's middle is moved for one angle, in columns. */
export function shiftAt({ originShift, cosines, sines }: GridrecPlan, angle: number): number {
  return originShift.x * (cosines[angle] as number) + originShift.y * (sines[angle] as number);
}

function assertGridSize(size: number, columns: number): void {
  if (size <= gridSizeMax) return;
  throw new InputError(
    'columns',
    `${columns} columns need a frequency grid of ${size} x ${size}, ${(8 * size * size) / 2 ** 30} GiB; the most is ${gridSizeMax}. ` +
      'Bin the frames, reconstruct with fbp, or in compat mode, which does not pad.',
  );
}

function assertFits({ rows, columns }: GridShape, size: number): void {
  if (Math.max(rows, columns) <= size) return;
  throw new InputError(
    'option',
    `grid is ${rows} x ${columns}, but a scan of this width gives ${size} x ${size} pixels at most.`,
  );
}
