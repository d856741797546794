// GridRec for scans of one shape: spectra (spectrum.ts) are filtered (filter-line.ts), spread on a frequency grid (gridding.ts) and
// turned into pictures (image.ts), two slices at a time. All tables and buffers are made once and reused.
//
// Geometry: s = x cos(theta) + y sin(theta), x to the right, y up, unit = one detector column. `centre` is the rotation axis as a
// sample index. The axis is shown at column n/2, row n/2 - 1 (accurate mode: also for odd n, between the pixels;
// compat mode: TomoPy's whole pixel). Values are attenuation per column.

import { accurateFilterBins, binsOf, compatFilterBins, type FilterBins } from '../fourier/filter-bins.ts';
import { resolveFilter } from '../fourier/filters.ts';
import { angleWeights } from '../scan/angle-weights.ts';
import { InputError } from '../scan/errors.ts';
import { assertGrid, type GridShape } from '../scan/grid.ts';
import { assertScanShape, type ScanShape } from '../scan/scan.ts';
import { filterLine, filterLineTwoCentres } from './filter-line.ts';
import { type Grid, spreadLine } from './gridding.ts';
import { accurateAxis, compatAxis, type ImageAxis, ImageMaker, originPixel } from './image.ts';
import { createProlateFunction, tabulateKernel } from './pswf.ts';
import { SpectrumReader, writeCentrePhases } from './spectrum.ts';

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

/** Kernel table entries a grid cell: TomoPy's 256, and 1024 where the error of the nearest entry must not be seen. */
const kernelDensity = { compat: 256, accurate: 1024 } as const;

/** The smallest power of two that holds the columns; twice that in accurate mode. */
export function gridSize(columns: number, mode: GridrecMode): number {
  let size = 16;
  while (size < columns) size *= 2;
  return mode === 'accurate' ? 2 * size : size;
}

/** Two lines to reconstruct at once: offsets of the first value of each slice in `sinogram`, and their axes. */
export interface SlicePair {
  readonly sinogram: Float32Array;
  readonly first: number;
  /** < 0: there is no second slice. Equal to `first`: one slice at two centres, at the price of one. */
  readonly second: number;
  readonly firstCentre: number;
  readonly secondCentre: number;
}

export class Reconstructor {
  readonly columns: number;
  readonly #angles: number;
  readonly #grid: Grid;
  readonly #bins: FilterBins;
  readonly #scales: Float64Array;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  readonly #spectra: SpectrumReader;
  readonly #images: ImageMaker;
  readonly #line: Float64Array;
  readonly #phases: readonly [Float64Array, Float64Array];
  /** How far the shown origin lies from the whole pixel of the FFT: 1/2 for odd n in accurate mode. */
  readonly #originShift: { readonly x: number; readonly y: number };
  readonly #pixels: number;
  readonly #firstBin: 0 | 1;
  readonly #precision: (value: number) => number;

  constructor(options: ReconstructorOptions) {
    assertScanShape(options);
    const { columns, angles, theta, mode } = options;
    const filter = resolveFilter(options.filter, options.filterParameters);
    const size = gridSize(columns, mode);
    const prolate = createProlateFunction();
    const density = kernelDensity[mode];
    const kernel = tabulateKernel(prolate, density);
    const accurate = mode === 'accurate';
    this.columns = columns;
    this.#angles = angles;
    const edge = accurate ? 'wrap' : 'clip';
    this.#grid = { size, values: new Float32Array(2 * size * size), kernel, density, edge, singlePrecision: !accurate };
    this.#bins = accurate ? accurateFilterBins(size, angles, filter) : compatFilterBins(size, angles, filter);
    this.#scales = accurate ? angleWeights(theta) : new Float64Array(angles).fill(1);
    const precision = accurate ? (value: number): number => value : Math.fround;
    this.#precision = precision;
    this.#cosines = theta.map((angle) => precision(Math.cos(precision(angle))));
    this.#sines = theta.map((angle) => precision(Math.sin(precision(angle))));
    this.#spectra = new SpectrumReader(size, columns);
    const grid = assertGrid(options.grid ?? { rows: columns, columns });
    assertFits(grid, size);
    const axisOf = (pixels: number): ImageAxis =>
      accurate ? accurateAxis(size, pixels, prolate) : compatAxis(size, pixels, { kernel, ...prolate });
    this.#images = new ImageMaker(size, { across: axisOf(grid.columns), down: axisOf(grid.rows) });
    this.#pixels = grid.rows * grid.columns;
    this.#line = new Float64Array(2 * size);
    this.#phases = [new Float64Array(size), new Float64Array(size)];
    const shiftOf = (pixels: number): number => (accurate ? originPixel(size, pixels) - pixels / 2 : 0);
    this.#originShift = { x: shiftOf(grid.columns), y: shiftOf(grid.rows) };
    this.#firstBin = accurate ? 0 : 1;
  }

  /** Reconstructs two slices into `out` at the offsets given (`second` < 0 drops the second). Allocates nothing large. */
  reconstructPair(
    pair: SlicePair,
    out: { readonly values: Float32Array; readonly first: number; readonly second: number },
  ): void {
    const { sinogram, first, second, firstCentre, secondCentre } = pair;
    const sameCentre = firstCentre === secondCentre || second < 0;
    const [phases, secondPhases] = this.#phases;
    this.#grid.values.fill(0);
    for (let angle = 0; angle < this.#angles; angle++) {
      const cosine = this.#cosines[angle] as number;
      const sine = this.#sines[angle] as number;
      const scale = this.#scales[angle] as number;
      const shift = this.#originShift.x * cosine + this.#originShift.y * sine;
      // Without a shift the phases are the same at every angle.
      if (angle === 0 || shift !== 0) {
        writeCentrePhases(phases, this.#grid.size, firstCentre + shift, this.#precision);
        if (!sameCentre) writeCentrePhases(secondPhases, this.#grid.size, secondCentre + shift, this.#precision);
      }
      const offset = angle * this.columns;
      this.#spectra.read(sinogram, first + offset, second < 0 ? -1 : second + offset);
      const { spectrum } = this.#spectra;
      const bins = binsOf(this.#bins, angle, this.#grid.size / 2);
      if (sameCentre) filterLine(this.#line, spectrum, bins, { phases, scale });
      else filterLineTwoCentres(this.#line, spectrum, bins, { first: phases, second: secondPhases, scale });
      spreadLine(this.#grid, this.#line, { cosine, sine, firstBin: this.#firstBin });
    }
    this.#images.make(this.#grid.values, out);
  }

  /** Reconstructs all slices of a sinogram (slices x angles x columns) into (slices x grid rows x grid columns). */
  reconstruct(sinogram: Float32Array, centres: Float64Array): Float32Array<ArrayBuffer> {
    const slices = centres.length;
    const lineCount = this.#angles * this.columns;
    const pixels = this.#pixels;
    const values = new Float32Array(slices * pixels);
    for (let slice = 0; slice < slices; slice += 2) {
      const paired = slice + 1 < slices;
      const firstCentre = centres[slice] as number;
      const pair = {
        sinogram,
        first: slice * lineCount,
        second: paired ? (slice + 1) * lineCount : -1,
        firstCentre,
        secondCentre: paired ? (centres[slice + 1] as number) : firstCentre,
      };
      this.reconstructPair(pair, { values, first: slice * pixels, second: paired ? (slice + 1) * pixels : -1 });
    }
    return values;
  }
}

function assertFits({ rows, columns }: GridShape, size: number): void {
  if (Math.max(rows, columns) <= size) return;
  throw new InputError(
    'option',
    `grid is ${rows} x ${columns}, but a scan of this width gives ${size} x ${size} pixels at most.`,
  );
}
