// The rotation axis by Vo's method (Vo et al. 2014, "Reliable method for calculating the center of rotation in parallel-beam tomography"): half a turn
// and its mirror image make up a whole turn where the mirror stands at the axis. The Fourier transform of a whole turn is empty outside of a double
// wedge, |angular frequency| <= 2 pi r |radial frequency|; the axis is where least lies outside of it.
import { createFftPlan, createFftScratch, type FftPlan, type FftScratch, runFft } from '../fourier/fft.ts';
import { InputError } from '../scan/errors.ts';
import { assertScan, type Scan } from '../scan/scan.ts';
import { binColumns, middleSlice, thinAngles } from './thin-scan.ts';

/** As the paper has it: the object is taken to fill half the view. */
const radiusShare = 0.25;
/** Low angular frequencies are where noise and uneven flat fields lie. */
const frequenciesDropped = 20;
/** Columns next to the middle of the transform that say nothing. */
const columnsDropped = 1;
const coarseColumnsMax = 256;
const anglesMax = 360;
const fineReach = 3;
const fineStep = 0.25;
/** The half turn may miss this share of itself. */
const turnTolerance = 0.1;

/** The axis as a sample index, of the middle slice, to about a quarter of a column. Throws `InputError` where the angles are no half turn. */
export function findCentreVo(scan: Scan): number {
  assertScan(scan);
  assertHalfTurn(scan.theta);
  const slice = thinAngles(middleSlice(scan), anglesMax);
  if (slice.sinogram.every((value) => value === slice.sinogram[0])) {
    throw new InputError('centre', 'the sinogram is flat, so every axis fits it. Give the axis.');
  }
  const bin = Math.ceil(slice.columns / coarseColumnsMax);
  const coarse = new Wedge(binColumns(slice, bin));
  const columns = Math.floor(slice.columns / bin);
  const first = coarse.best(Math.floor(columns / 4), 1, Math.ceil(columns / 2) + 1);
  const fine = new Wedge(slice);
  const around = (first + 0.5) * bin - 0.5;
  const reach = Math.max(fineReach, bin);
  return fine.best(around - reach, fineStep, (2 * reach) / fineStep + 1);
}

function assertHalfTurn(theta: Float64Array): void {
  const span = Math.abs((theta.at(-1) ?? 0) - (theta[0] ?? 0)) * (theta.length / Math.max(1, theta.length - 1));
  if (Math.abs(span - Math.PI) <= turnTolerance * Math.PI && theta.length > 3) return;
  throw new InputError(
    'theta',
    `the angles span ${((span * 180) / Math.PI).toFixed(1)} degrees; Vo's method needs half a turn. Search by entropy instead.`,
  );
}

/** Looks at one slice with its mirror image at different places. */
class Wedge {
  readonly #slice: Scan;
  readonly #width: number;
  readonly #height: number;
  readonly #rowPlan: FftPlan;
  readonly #columnPlan: FftPlan;
  readonly #rowScratch: FftScratch;
  readonly #columnScratch: FftScratch;
  /** The whole turn, resampled to a power of two of angles, complex. */
  readonly #turn: Float32Array<ArrayBuffer>;
  readonly #column: Float32Array<ArrayBuffer>;

  constructor(slice: Scan) {
    this.#slice = slice;
    this.#width = powerOfTwo(slice.columns);
    this.#height = powerOfTwo(2 * slice.angles);
    this.#rowPlan = createFftPlan(this.#width);
    this.#columnPlan = createFftPlan(this.#height);
    this.#rowScratch = createFftScratch(this.#rowPlan, 1);
    this.#columnScratch = createFftScratch(this.#columnPlan, 1);
    this.#turn = new Float32Array(2 * this.#width * this.#height);
    this.#column = new Float32Array(2 * this.#height);
  }

  /** The centre of `count` ones from `first` on with least outside of the wedge. */
  best(first: number, step: number, count: number): number {
    let [best, least] = [first, Number.POSITIVE_INFINITY];
    for (let i = 0; i < count; i++) {
      const centre = first + i * step;
      const outside = this.#outside(centre);
      if (outside < least) [best, least] = [centre, outside];
    }
    return best;
  }

  #outside(centre: number): number {
    const { columns } = this.#slice;
    const [width, height] = [this.#width, this.#height];
    this.#writeTurn(centre);
    for (let row = 0; row < height; row++) this.#transform(row);
    const perRow = width / (2 * Math.PI * radiusShare * columns);
    const dropped = Math.min(frequenciesDropped, Math.ceil(0.05 * height));
    const columnMax = Math.min(width / 2 - 1, Math.ceil((height / 2) * perRow));
    let [sum, count] = [0, 0];
    for (let column = columnsDropped + 1; column <= columnMax; column++) {
      // The slice is real: the other half of the columns holds the same.
      const from = { buffer: this.#turn, offset: 2 * column, stride: 2 * width };
      runFft(this.#columnPlan, from, { buffer: this.#column, offset: 0 }, 1, this.#columnScratch);
      const lowest = Math.max(dropped + 1, Math.floor(column / perRow));
      for (let v = lowest; v <= height - lowest; v++) {
        sum += Math.hypot(this.#column[2 * v] as number, this.#column[2 * v + 1] as number);
        count++;
      }
    }
    return count === 0 ? Number.POSITIVE_INFINITY : sum / count;
  }

  #transform(row: number): void {
    const buffer = this.#turn;
    const offset = 2 * this.#width * row;
    runFft(this.#rowPlan, { buffer, offset, stride: 2 }, { buffer, offset }, 1, this.#rowScratch);
  }

  #writeTurn(centre: number): void {
    const { angles, columns } = this.#slice;
    const turn = this.#turn.fill(0);
    for (let row = 0; row < this.#height; row++) {
      const at = (row * 2 * angles) / this.#height;
      const angle = Math.floor(at);
      const part = at - angle;
      for (let column = 0; column < columns; column++) {
        const here = this.#value(angle, column, centre);
        const next = this.#value((angle + 1) % (2 * angles), column, centre);
        turn[2 * (row * this.#width + column)] = here + part * (next - here);
      }
    }
  }

  /** One value of the whole turn; beyond the detector's end its last value. */
  #value(angle: number, column: number, centre: number): number {
    const { sinogram, angles, columns } = this.#slice;
    if (angle < angles) return sinogram[angle * columns + column] as number;
    const at = Math.max(0, Math.min(columns - 1, 2 * centre - column));
    const left = Math.min(columns - 2, Math.floor(at));
    const line = (angle - angles) * columns;
    const value = sinogram[line + left] as number;
    return value + (at - left) * ((sinogram[line + left + 1] as number) - value);
  }
}

function powerOfTwo(least: number): number {
  let size = 16;
  while (size < least) size *= 2;
  return size;
}
