// The rotation axis from projections half a turn apart: the second one is the first one's mirror image, and how far it is moved says where the
// mirror stood. Phase correlation (Kuglin and Hines 1975) along the columns, summed over the rows: the axis is the same in all. Frequencies
// that hold nothing but noise are left out as far as they do (Wiener's weight), or a noisy pair would be placed by its noise.
import { type Complexes, createFftPlan, createFftScratch, runFft } from '../fourier/fft.ts';
import { InputError } from '../scan/errors.ts';

export interface OppositeProjections {
  /** Rows x columns each. */
  readonly first: Float32Array;
  readonly opposite: Float32Array;
  readonly columns: number;
}

/** Places between two columns that are looked at; Newton's method finds the rest. */
const fineness = 8;
/** An axis further out leaves too little that both projections see. */
const lagPartMax = 0.75;
/** At the ends of a line there is air, or the sample leaves the view: this part of it says which. */
const endPart = 0.05;
/** An end that is brighter than this part of the projection: the sample leaves the view. */
const airPart = 0.05;
/** How much of a line fades out at its ends. What is cut off would be an edge that stands still, and edges are what the phases are about. */
const taperParts = { air: 0.03, sample: 0.1 } as const;

/** The axis as a sample index. Throws `InputError` for projections that do not fit, or without any structure. */
export function findCentreByPhase(projections: OppositeProjections): number {
  const { first, opposite, columns } = projections;
  if (first.length !== opposite.length || columns < 2 || first.length % columns !== 0 || first.length === 0) {
    throw new InputError(
      'length',
      `the projections have ${first.length} and ${opposite.length} values; both are rows x ${columns} columns.`,
    );
  }
  let length = 16;
  while (length < 2 * columns) length *= 2;
  const spectrum = crossSpectrum(projections, length);
  if (!spectrum) throw new InputError('option', 'the projections are empty or constant; there is nothing to compare.');
  weigh(spectrum);
  return (columns - 1 + refine(spectrum, coarsePeak(spectrum, columns))) / 2;
}

/** The sum over rows of F(first) conj F(mirrored opposite), bins 0 .. length / 2 - 1; undefined where there is no structure. */
function crossSpectrum(projections: OppositeProjections, length: number): Float64Array | undefined {
  const { first, opposite, columns } = projections;
  const sum = new Float64Array(length);
  const line = new Float32Array(2 * length);
  const taper = taperOf(projections);
  let structured = false;
  for (let row = 0; row < first.length; row += columns) {
    line.fill(0);
    const one = first.subarray(row, row + columns);
    const other = opposite.subarray(row, row + columns).toReversed();
    if (writeFaded(line, 0, one, taper) && writeFaded(line, 1, other, taper)) structured = true;
    transform(line, length);
    addCross(sum, line, length);
  }
  return structured ? sum : undefined;
}

/** A line above the straight one between its ends, fading out to them. False where it is flat. */
function writeFaded(into: Float32Array, part: 0 | 1, values: Float32Array, taper: Float64Array): boolean {
  const { left: start, right: end } = endsOf(values);
  const rise = (end - start) / values.length;
  let [most, left] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] as number) - start - rise * i;
    most = Math.max(most, Math.abs(values[i] as number));
    left = Math.max(left, Math.abs(value));
    into[2 * i + part] = value * (taper[i] as number);
  }
  return left > 1e-6 * most;
}

function taperOf(projections: OppositeProjections): Float64Array {
  const { columns } = projections;
  const width = Math.max(1, columns * (isWholeInView(projections) ? taperParts.air : taperParts.sample));
  return Float64Array.from({ length: columns }, (_, i) => {
    const fromEnd = Math.min(i, columns - 1 - i) + 0.5;
    return fromEnd < width ? 0.5 - 0.5 * Math.cos((Math.PI * fromEnd) / width) : 1;
  });
}

/** Whether there is air on both sides of the sample. Where it leaves the view, the axis that is found may be another. */
export function isWholeInView({ first, opposite, columns }: OppositeProjections): boolean {
  let [brightest, most] = [0, 0];
  for (const values of [first, opposite]) {
    const ends = { left: 0, right: 0 };
    for (let row = 0; row < values.length; row += columns) {
      const { left, right } = endsOf(values.subarray(row, row + columns));
      ends.left += left;
      ends.right += right;
    }
    brightest = Math.max(brightest, Math.abs(ends.left), Math.abs(ends.right));
    for (const value of values) most = Math.max(most, Math.abs(value));
  }
  return brightest * columns < airPart * most * first.length;
}

/** Mean of the values at each end. */
function endsOf(values: Float32Array): { readonly left: number; readonly right: number } {
  const count = Math.max(1, Math.round(values.length * endPart));
  let [left, right] = [0, 0];
  for (let i = 0; i < count; i++) {
    left += (values[i] as number) / count;
    right += (values[values.length - 1 - i] as number) / count;
  }
  return { left, right };
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

/**
 * Only phases count, each by how much more than noise its frequency holds. Noise is as strong at all frequencies and samples hardly reach the
 * upper half of them, so what is usual there is taken for noise. High frequencies count less in any case.
 */
function weigh(spectrum: Float64Array): void {
  const bins = spectrum.length / 2;
  const sizes = Float64Array.from({ length: bins }, (_, j) =>
    Math.hypot(spectrum[2 * j] as number, spectrum[2 * j + 1] as number),
  );
  const upper = sizes.slice(bins / 2).sort();
  const noise = 2 * (upper[upper.length >> 1] as number);
  for (let j = 1; j < bins; j++) {
    const size = sizes[j] as number;
    if (size === 0) continue;
    const near = sizes.subarray(Math.max(1, j - 2), j + 3);
    const level = near.reduce((sum, value) => sum + value, 0) / near.length;
    const weight = (0.5 + 0.5 * Math.cos((Math.PI * j) / bins)) / (1 + (noise / level) ** 2) / size;
    spectrum[2 * j] = weight * (spectrum[2 * j] as number);
    spectrum[2 * j + 1] = weight * (spectrum[2 * j + 1] as number);
  }
}

/** The lag, in steps of 1 / fineness, at which the correlation is highest for what both projections see of the sample there. */
function coarsePeak(spectrum: Float64Array, columns: number): number {
  const length = spectrum.length * fineness;
  const correlation = new Float32Array(2 * length);
  for (let j = 1; j < spectrum.length / 2; j++) {
    // Half of the spectrum, conjugated: the real part of the transform is the correlation.
    correlation[2 * j] = spectrum[2 * j] as number;
    correlation[2 * j + 1] = -(spectrum[2 * j + 1] as number);
  }
  transform(correlation, length);
  let [best, highest] = [0, Number.NEGATIVE_INFINITY];
  const most = Math.floor(lagPartMax * columns * fineness);
  for (let lag = -most; lag <= most; lag++) {
    const seenByBoth = 1 - Math.abs(lag) / (columns * fineness);
    const height = seenByBoth * (correlation[2 * ((lag + length) % length)] as number);
    if (height > highest) [best, highest] = [lag, height];
  }
  return best / fineness;
}

/** Newton's method on the correlation itself, a sum of cosines. */
function refine(spectrum: Float64Array, coarse: number): number {
  let lag = coarse;
  for (let round = 0; round < 6; round++) {
    let [slope, bend] = [0, 0];
    for (let j = 1; j < spectrum.length / 2; j++) {
      const [re, im] = [spectrum[2 * j] as number, spectrum[2 * j + 1] as number];
      const turn = (2 * Math.PI * j) / spectrum.length;
      const [c, s] = [Math.cos(turn * lag), Math.sin(turn * lag)];
      slope -= turn * (re * s + im * c);
      bend -= turn * turn * (re * c - im * s);
    }
    const next = bend < 0 ? lag - slope / bend : coarse;
    // The peak lies near the highest place, or it is none.
    if (!(Math.abs(next - coarse) <= 2 / fineness)) return coarse;
    lag = next;
  }
  return lag;
}

function transform(buffer: Complexes, length: number): void {
  const plan = createFftPlan(length);
  runFft(plan, { buffer, offset: 0, stride: 2 }, { buffer, offset: 0 }, 1, createFftScratch(plan, 1));
}
