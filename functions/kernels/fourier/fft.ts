// Forward complex FFT (sign -, unnormalised) of power-of-two length, radix 4 with one radix-2 stage where needed.
// Stockham's self-sorting form (Van Loan, "Computational Frameworks for the FFT", 1992, section 1.7): every stage reads
// one buffer and writes another in order, so there is no bit reversal, and `batch` interleaved signals are
// transformed together by starting with a stride of `batch` instead of 1 (how the columns of a grid are done).
// Complex numbers are interleaved: re, im, re, im. The + sign is read off the same result backwards: X+[j] = X-[n - j].

/** Storage of complex numbers, interleaved. 32 bits halve the memory traffic of large grids; sums are made in 64. */
export type Complexes = Float32Array<ArrayBuffer>;

/** A plan for one length: twiddle factors by stage. Immutable, so one plan may serve many callers. */
export interface FftPlan {
  readonly length: number;
  /** For each radix-4 stage, for each p: the factors w^p, w^2p, w^3p as six numbers. */
  readonly stages: readonly Float64Array[];
  readonly endsWithRadix2: boolean;
}

export const fftLengthMin = 16;

/** Builds the plan of a power-of-two length >= 16. */
export function createFftPlan(length: number): FftPlan {
  if (length < fftLengthMin || !Number.isInteger(Math.log2(length))) {
    throw new RangeError(`FFT length ${length} is not a power of two >= ${fftLengthMin}.`);
  }
  const stages: Float64Array[] = [];
  let rest = length;
  for (; rest >= 4; rest /= 4) stages.push(createTwiddles(rest));
  return { length, stages, endsWithRadix2: rest === 2 };
}

/** One place to read from or write to: a buffer, where it starts, and (for reading) numbers from one sample to the next. */
export interface FftView {
  readonly buffer: Complexes;
  readonly offset: number;
  readonly stride: number;
}

/** Scratch memory for `runFft`: two buffers of 2 * length * batch numbers. */
export interface FftScratch {
  readonly first: Complexes;
  readonly second: Complexes;
}

export function createFftScratch(plan: FftPlan, batch: number): FftScratch {
  const numbers = 2 * plan.length * batch;
  return { first: new Float32Array(numbers), second: new Float32Array(numbers) };
}

/**
 * Transforms `batch` signals: sample k of signal q is read at `from.offset + k * from.stride + 2 q` and written at
 * `to.offset + 2 (k * batch + q)`. `from` and `to` may be the same memory; neither may be the scratch.
 */
// biome-ignore lint/complexity/useMaxParams: as for radix4.
export function runFft(
  plan: FftPlan,
  from: FftView,
  to: Omit<FftView, 'stride'>,
  batch: number,
  scratch: FftScratch,
): void {
  const stageCount = plan.stages.length + (plan.endsWithRadix2 ? 1 : 0);
  let source = from.buffer;
  let sourceOffset = from.offset;
  let sourceStride = from.stride;
  let span = 2 * batch;
  for (let stage = 0; stage < stageCount; stage++) {
    const last = stage === stageCount - 1;
    const target = last ? to.buffer : stage % 2 === 0 ? scratch.first : scratch.second;
    const targetOffset = last ? to.offset : 0;
    const twiddles = plan.stages[stage];
    if (twiddles === undefined) {
      radix2(source, sourceOffset, target, targetOffset, span);
    } else if (span === 2 && sourceStride === 2) {
      radix4Single(source, sourceOffset, target, targetOffset, twiddles);
    } else {
      radix4(source, sourceOffset, sourceStride, target, targetOffset, twiddles, span);
    }
    source = target;
    sourceOffset = targetOffset;
    span *= 4;
    sourceStride = span;
  }
}

function createTwiddles(length: number): Float64Array {
  const quarter = length / 4;
  const twiddles = new Float64Array(6 * quarter);
  for (let p = 0; p < quarter; p++) {
    for (let power = 1; power <= 3; power++) {
      const angle = (-2 * Math.PI * p * power) / length;
      twiddles[6 * p + 2 * power - 2] = Math.cos(angle);
      twiddles[6 * p + 2 * power - 1] = Math.sin(angle);
    }
  }
  return twiddles;
}

/** The first stage of a single signal: the inner loop over the batch would run once, so it is left out. */
// biome-ignore lint/complexity/useMaxParams: as for radix4.
function radix4Single(x: Complexes, xo: number, y: Complexes, yo: number, twiddles: Float64Array): void {
  const quarter = twiddles.length / 6;
  const step = 2 * quarter;
  for (let p = 0; p < quarter; p++) {
    const i = xo + 2 * p;
    const ar = x[i] as number;
    const ai = x[i + 1] as number;
    const br = x[i + step] as number;
    const bi = x[i + step + 1] as number;
    const cr = x[i + 2 * step] as number;
    const ci = x[i + 2 * step + 1] as number;
    const dr = x[i + 3 * step] as number;
    const di = x[i + 3 * step + 1] as number;
    const w = 6 * p;
    const w1r = twiddles[w] as number;
    const w1i = twiddles[w + 1] as number;
    const w2r = twiddles[w + 2] as number;
    const w2i = twiddles[w + 3] as number;
    const w3r = twiddles[w + 4] as number;
    const w3i = twiddles[w + 5] as number;
    const evenR = ar + cr;
    const evenI = ai + ci;
    const oddR = ar - cr;
    const oddI = ai - ci;
    const sumR = br + dr;
    const sumI = bi + di;
    const turnR = bi - di;
    const turnI = dr - br;
    const t1r = oddR + turnR;
    const t1i = oddI + turnI;
    const t2r = evenR - sumR;
    const t2i = evenI - sumI;
    const t3r = oddR - turnR;
    const t3i = oddI - turnI;
    const o = yo + 8 * p;
    y[o] = evenR + sumR;
    y[o + 1] = evenI + sumI;
    y[o + 2] = t1r * w1r - t1i * w1i;
    y[o + 3] = t1r * w1i + t1i * w1r;
    y[o + 4] = t2r * w2r - t2i * w2i;
    y[o + 5] = t2r * w2i + t2i * w2r;
    y[o + 6] = t3r * w3r - t3i * w3i;
    y[o + 7] = t3r * w3i + t3i * w3r;
  }
}

/** A stage over `span` = 2 * stride numbers that share a twiddle factor. */
// biome-ignore lint/complexity/useMaxParams: an options object per call costs more than the butterfly it describes.
function radix4(
  x: Complexes,
  xo: number,
  xStride: number,
  y: Complexes,
  yo: number,
  twiddles: Float64Array,
  span: number,
): void {
  const quarter = twiddles.length / 6;
  const step = xStride * quarter;
  for (let p = 0; p < quarter; p++) {
    const w = 6 * p;
    const w1r = twiddles[w] as number;
    const w1i = twiddles[w + 1] as number;
    const w2r = twiddles[w + 2] as number;
    const w2i = twiddles[w + 3] as number;
    const w3r = twiddles[w + 4] as number;
    const w3i = twiddles[w + 5] as number;
    const end = xo + xStride * p + span;
    let o = yo + 4 * span * p;
    for (let i = xo + xStride * p; i < end; i += 2, o += 2) {
      const ar = x[i] as number;
      const ai = x[i + 1] as number;
      const br = x[i + step] as number;
      const bi = x[i + step + 1] as number;
      const cr = x[i + 2 * step] as number;
      const ci = x[i + 2 * step + 1] as number;
      const dr = x[i + 3 * step] as number;
      const di = x[i + 3 * step + 1] as number;
      const evenR = ar + cr;
      const evenI = ai + ci;
      const oddR = ar - cr;
      const oddI = ai - ci;
      const sumR = br + dr;
      const sumI = bi + di;
      const turnR = bi - di;
      const turnI = dr - br;
      const t1r = oddR + turnR;
      const t1i = oddI + turnI;
      const t2r = evenR - sumR;
      const t2i = evenI - sumI;
      const t3r = oddR - turnR;
      const t3i = oddI - turnI;
      y[o] = evenR + sumR;
      y[o + 1] = evenI + sumI;
      y[o + span] = t1r * w1r - t1i * w1i;
      y[o + span + 1] = t1r * w1i + t1i * w1r;
      y[o + 2 * span] = t2r * w2r - t2i * w2i;
      y[o + 2 * span + 1] = t2r * w2i + t2i * w2r;
      y[o + 3 * span] = t3r * w3r - t3i * w3i;
      y[o + 3 * span + 1] = t3r * w3i + t3i * w3r;
    }
  }
}

/** The last stage of an odd power of two: length 2, no twiddle factors. */
// biome-ignore lint/complexity/useMaxParams: as for radix4.
function radix2(x: Complexes, xo: number, y: Complexes, yo: number, span: number): void {
  for (let q = 0; q < span; q++) {
    const a = x[xo + q] as number;
    const b = x[xo + span + q] as number;
    y[yo + q] = a + b;
    y[yo + span + q] = a - b;
  }
}
