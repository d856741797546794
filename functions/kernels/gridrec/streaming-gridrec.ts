// GridRec for projections that arrive one by one. The frequency grid is a sum over projections: one that comes is added, one that leaves the
// window is subtracted, and the 2-D FFT is run only when a picture is asked for. Each projection counts the same, pi / n of n: right for angles
// that are spread evenly over what has come, in whatever order. Plain TypeScript: what is added is one line a slice at a time.
import { binsOf } from '../fourier/filter-bins.ts';
import { InputError } from '../scan/errors.ts';
import { filterLine } from './filter-line.ts';
import { type Grid, spreadLine } from './gridding.ts';
import { ImageMaker } from './image.ts';
import { type GridrecPlan, planGridrec } from './plan.ts';
import { SpectrumReader, writeCentrePhases } from './spectrum.ts';

export interface StreamingGridrecOptions {
  readonly slices: number;
  readonly columns: number;
  readonly centre: number;
  readonly filter: string;
  /** Projections of half a turn: more than these, and the oldest leaves. */
  readonly window: number;
}

/** Grids and window together; two slices share a grid of 4 columns squared values. */
const bytesMax = 2 ** 30;
/** After so many subtractions the grids are summed anew: rounding does not add up. */
const renewAfter = 4_096;

interface Projection {
  readonly theta: number;
  /** slices x columns line integrals. */
  readonly lines: Float32Array;
}

export class StreamingGridrec {
  readonly #options: StreamingGridrecOptions;
  readonly #plan: GridrecPlan;
  /** One for each two slices: real and imaginary part. */
  readonly #grids: readonly Grid[];
  readonly #spectra: SpectrumReader;
  readonly #images: ImageMaker;
  readonly #line: Float64Array;
  readonly #phases: Float64Array;
  readonly #window: Projection[] = [];
  #subtracted = 0;

  /** Throws `InputError`. */
  constructor(options: StreamingGridrecOptions) {
    const { slices, columns, centre, filter, window } = options;
    if (!Number.isInteger(slices) || slices < 1)
      throw new InputError('slices', `slices is ${slices}; give at least one.`);
    if (!Number.isInteger(window) || window < 1)
      throw new InputError('angles', `window is ${window}; give at least one.`);
    if (!(centre >= 0 && centre <= columns)) {
      throw new InputError('centre', `centre ${centre} lies outside the detector (0 to ${columns} columns).`);
    }
    const plan = planGridrec({ columns, angles: 1, theta: Float64Array.of(0), mode: 'accurate', filter });
    const { size, kernel, density } = plan;
    const bytes = Math.ceil(slices / 2) * size * size * 8 + window * slices * columns * 4;
    if (bytes > bytesMax) {
      throw new InputError(
        'slices',
        `${slices} slices of ${columns} columns need ${bytes} bytes; ${bytesMax} are the most. Take fewer rows.`,
      );
    }
    this.#options = options;
    this.#plan = plan;
    this.#grids = Array.from({ length: Math.ceil(slices / 2) }, () => ({
      size,
      values: new Float32Array(2 * size * size),
      kernel,
      density,
      edge: 'wrap',
      singlePrecision: false,
    }));
    this.#spectra = new SpectrumReader(size, columns);
    this.#images = new ImageMaker(size, plan);
    this.#line = new Float64Array(2 * size);
    this.#phases = new Float64Array(size);
  }

  /** Projections in the picture. */
  get count(): number {
    return this.#window.length;
  }

  /** Adds a projection (slices x columns line integrals), which must not change afterwards. Throws `InputError`. */
  add(theta: number, lines: Float32Array): void {
    const { slices, columns, window } = this.#options;
    if (lines.length !== slices * columns) {
      throw new InputError('length', `the projection has ${lines.length} values; ${slices} x ${columns} are expected.`);
    }
    const bad = lines.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new InputError('not-finite', `the projection is ${lines[bad]} at column ${bad % columns}.`);
    if (!Number.isFinite(theta)) throw new InputError('theta', `the angle is ${theta}; it must be a finite number.`);
    const projection = { theta, lines };
    this.#window.push(projection);
    this.#spread(projection, 1);
    if (this.#window.length <= window) return;
    this.#spread(this.#window.shift() as Projection, -1);
    if (++this.#subtracted % renewAfter === 0) this.#renew();
  }

  /** slices x columns x columns, attenuation per column; zeros before the first projection. */
  picture(): Float32Array<ArrayBuffer> {
    const { slices, columns } = this.#options;
    const pixels = columns * columns;
    const values = new Float32Array(slices * pixels);
    if (this.#window.length === 0) return values;
    for (const [pair, grid] of this.#grids.entries()) {
      const first = 2 * pair * pixels;
      // The FFT works in place: the sum must stay.
      this.#images.make(Float32Array.from(grid.values), {
        values,
        first,
        second: 2 * pair + 1 < slices ? first + pixels : -1,
      });
    }
    const weight = Math.PI / this.#window.length;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * weight;
    return values;
  }

  #spread({ theta, lines }: Projection, scale: 1 | -1): void {
    const { slices, columns, centre } = this.#options;
    const { size, originShift, bins, precision } = this.#plan;
    const [cosine, sine] = [Math.cos(theta), Math.sin(theta)];
    writeCentrePhases(this.#phases, size, centre + originShift.x * cosine + originShift.y * sine, precision);
    for (const [pair, grid] of this.#grids.entries()) {
      const first = 2 * pair * columns;
      this.#spectra.read(lines, first, 2 * pair + 1 < slices ? first + columns : -1);
      filterLine(this.#line, this.#spectra.spectrum, binsOf(bins, 0, size / 2), { phases: this.#phases, scale });
      spreadLine(grid, this.#line, { cosine, sine, firstBin: 0 });
    }
  }

  #renew(): void {
    for (const grid of this.#grids) grid.values.fill(0);
    for (const projection of this.#window) this.#spread(projection, 1);
  }
}
