// The mean projection of a scan so far. Transmission is linear in the projection, so three sums are all that has to be held, and it does not
// matter whether darks and flats come before the projections or after. Pure.
import { FrameMean, InputError, normalise } from '../kernels/index.ts';
import type { FrameHeaders } from '../sources/messages.ts';

export interface AveragePicture {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
  /** Counts of the detector for as long as there is no dark or no flat frame. */
  readonly unit: 'transmission' | 'counts';
  /** Projections behind it. */
  readonly frames: number;
}

export class RunningAverage {
  readonly #rows: number;
  readonly #columns: number;
  readonly #means: Readonly<Record<'dark' | 'flat' | 'projection', FrameMean>>;

  /** Of the shape of its first frame. */
  constructor({ rows, columns }: Pick<FrameHeaders, 'rows' | 'columns'>) {
    const mean = () => new FrameMean(rows * columns);
    this.#rows = rows;
    this.#columns = columns;
    this.#means = { dark: mean(), flat: mean(), projection: mean() };
  }

  get projections(): number {
    return this.#means.projection.count;
  }

  /** Throws `InputError`. */
  add({ kind, index, rows, columns }: FrameHeaders, values: Uint16Array | Float32Array): void {
    if (kind === 'end') return;
    if (rows !== this.#rows || columns !== this.#columns) {
      throw new InputError(
        'length',
        `${kind} ${index} is ${rows} x ${columns}, the frames before it ${this.#rows} x ${this.#columns}.`,
      );
    }
    this.#means[kind].add(values);
  }

  /** Undefined before the first projection. */
  picture(): AveragePicture | undefined {
    const { dark, flat, projection } = this.#means;
    if (projection.count === 0) return undefined;
    const values = projection.mean();
    const isField = dark.count > 0 && flat.count > 0;
    if (isField) normalise(values, { dark: dark.mean(), flat: flat.mean() }, values);
    const unit = isField ? 'transmission' : 'counts';
    return { rows: this.#rows, columns: this.#columns, values, unit, frames: projection.count };
  }
}
