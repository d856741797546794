// The rotation axis from two projections half a turn apart: the second one is the first one's mirror image, and how far it is moved says where the
// mirror stood. Phase correlation (Kuglin and Hines 1975) along the columns, summed over the rows: the axis is the same in all.
import { type Complexes, createFftPlan, createFftScratch, runFft } from '../fourier/fft.ts';
import { InputError } from '../scan/errors.ts';

export interface OppositeProjections {
  /** Rows x columns each. */
  readonly first: Float32Array;
  readonly opposite: Float32Array;
  readonly columns: number;
}

/** Places between two columns that are looked at; a parabola finds the rest. */
const fineness = 8;

/** The axis as a sample index. Throws `InputError` for projections that do not fit, or without any structure. */
export function findCentreByPhase({ first, opposite, columns }: OppositeProjections): number {
  if (first.length !== opposite.length || columns < 2 || first.length % columns !== 0 || first.length === 0) {
    throw new InputError(
      'length',
      `the projections have ${first.length} and ${opposite.length} values; both are rows x ${columns} columns.`,
    );
  }
  let length = 16;
  while (length < 2 * columns) length *= 2;
  const spectrum = crossSpectrum({ first, opposite, columns }, length);
  const correlation = new Float32Array(2 * length * fineness);
  let structured = false;
  for (let j = 1; j < length / 2; j++) {
    const [re, im] = [spectrum[2 * j] as number, spectrum[2 * j + 1] as number];
    const size = Math.hypot(re, im);
    if (size === 0) continue;
    structured = true;
    // Only phases count; high frequencies less, because noise is all they hold.
    const weight = (0.5 + 0.5 * Math.cos((2 * Math.PI * j) / length)) / size;
    // Half of the spectrum, conjugated: the real part of the transform is the correlation.
    correlation[2 * j] = weight * re;
    correlation[2 * j + 1] = -weight * im;
  }
  if (!structured)
    throw new InputError('option', 'the projections are empty or constant; there is nothing to compare.');
  transform(correlation, length * fineness);
  return (columns - 1 + peakOf(correlation) / fineness) / 2;
}

/** The sum over rows of F(first) conj F(mirrored opposite). */
function crossSpectrum({ first, opposite, columns }: OppositeProjections, length: number): Float64Array {
  const sum = new Float64Array(2 * length);
  const line = new Float32Array(2 * length);
  for (let row = 0; row < first.length; row += columns) {
    line.fill(0);
    const [a, b] = [meanOf(first, row, columns), meanOf(opposite, row, columns)];
    for (let i = 0; i < columns; i++) {
      line[2 * i] = (first[row + i] as number) - a;
      line[2 * i + 1] = (opposite[row + columns - 1 - i] as number) - b;
    }
    transform(line, length);
    addCross(sum, line, length);
  }
  return sum;
}

/** Both lines are real, so one transform holds the spectra of both: A = (Z[j] + Z*[-j]) / 2, B = (Z[j] - Z*[-j]) / 2i. */
function addCross(sum: Float64Array, line: Float32Array, length: number): void {
  for (let j = 1; j < length / 2; j++) {
    const [zr, zi] = [line[2 * j] as number, line[2 * j + 1] as number];
    const [yr, yi] = [line[2 * (length - j)] as number, line[2 * (length - j) + 1] as number];
    const [ar, ai] = [zr + yr, zi - yi];
    const [br, bi] = [zi + yi, yr - zr];
    sum[2 * j] = (sum[2 * j] as number) + ar * br + ai * bi;
    sum[2 * j + 1] = (sum[2 * j + 1] as number) + ai * br - ar * bi;
  }
}

function meanOf(values: Float32Array, from: number, count: number): number {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += values[i] as number;
  return sum / count;
}

/** The highest place, by a parabola through it and its neighbours; places in the upper half are negative. */
function peakOf(correlation: Float32Array): number {
  const length = correlation.length / 2;
  let best = 0;
  for (let i = 1; i < length; i++) if ((correlation[2 * i] as number) > (correlation[2 * best] as number)) best = i;
  const at = (i: number): number => correlation[2 * ((i + length) % length)] as number;
  const bend = at(best - 1) - 2 * at(best) + at(best + 1);
  const offset = bend < 0 ? (0.5 * (at(best - 1) - at(best + 1))) / bend : 0;
  return (best >= length / 2 ? best - length : best) + offset;
}

function transform(buffer: Complexes, length: number): void {
  const plan = createFftPlan(length);
  runFft(plan, { buffer, offset: 0, stride: 2 }, { buffer, offset: 0 }, 1, createFftScratch(plan, 1));
}
