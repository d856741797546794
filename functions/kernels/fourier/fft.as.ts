// The FFT of fft.ts for two complex numbers at once: a sample is one v128 (re, im, re, im). Radix 4 (of odd powers of two the last stage
// is radix 8), Stockham's self-sorting form, so every stage reads one place and writes another in order. Sign -, unnormalised.

/** Bytes of a sample. */
export const sampleBytes: usize = 16;
/** Bytes of the twiddle factors of one butterfly: re of w, w^2, w^3, a gap, then (-im, im) of each. */
const twiddleBytes: usize = 40;

/**
 * Transforms `batch` signals of `length` samples: sample k of signal q is read at from + k * stride + q * 16 and written at
 * to + (k * batch + q) * 16. `twiddles` holds the factors of all stages but the last one after the other (twiddles.ts). `from` and `to` may be the same
 * memory; neither may be `first` or `second`, which have room for length * batch samples.
 */
export function transform(
  from: usize, stride: usize, to: usize, length: usize, batch: usize, twiddles: usize, first: usize, second: usize,
): void {
  let source = from;
  let sourceStride = stride;
  let span = batch * sampleBytes;
  let rest = length;
  let scratch = first;
  while (rest > 8) {
    if (span == sampleBytes) butterfliesOfOne(source, sourceStride, scratch, twiddles, rest >> 2);
    else butterflies(source, sourceStride, scratch, twiddles, rest >> 2, span);
    twiddles += (rest >> 2) * twiddleBytes;
    source = scratch;
    scratch = scratch == first ? second : first;
    span <<= 2;
    sourceStride = span;
    rest >>= 2;
  }
  if (rest == 8) octets(source, to, span);
  else quartets(source, to, span);
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function swapped(value: v128): v128 {
  return i8x16.shuffle(value, value, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
}

/** Both numbers times one factor: `re` in all lanes, `im` as (-im, im, -im, im). */
// @ts-expect-error: decorators of AssemblyScript.
@inline
export function times(value: v128, re: v128, im: v128): v128 {
  return f32x4.add(f32x4.mul(value, re), f32x4.mul(swapped(value), im));
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function timesMinusI(value: v128): v128 {
  return v128.xor(swapped(value), i32x4(0, 0x80000000, 0, 0x80000000));
}

/** A stage over `span` bytes of samples that share a twiddle factor. */
function butterflies(x: usize, stride: usize, y: usize, twiddles: usize, quarter: usize, span: usize): void {
  const step = stride * quarter;
  for (let p: usize = 0; p < quarter; p++) {
    const re1 = v128.load32_splat(twiddles);
    const re2 = v128.load32_splat(twiddles + 4);
    const re3 = v128.load32_splat(twiddles + 8);
    const im1 = v128.load64_splat(twiddles + 16);
    const im2 = v128.load64_splat(twiddles + 24);
    const im3 = v128.load64_splat(twiddles + 32);
    let from = x + p * stride;
    let to = y + 4 * span * p;
    for (const end = from + span; from < end; from += sampleBytes, to += sampleBytes) {
      const a = v128.load(from);
      const b = v128.load(from + step);
      const c = v128.load(from + 2 * step);
      const d = v128.load(from + 3 * step);
      const even = f32x4.add(a, c);
      const odd = f32x4.sub(a, c);
      const sum = f32x4.add(b, d);
      const turn = timesMinusI(f32x4.sub(b, d));
      v128.store(to, f32x4.add(even, sum));
      v128.store(to + span, times(f32x4.add(odd, turn), re1, im1));
      v128.store(to + 2 * span, times(f32x4.sub(even, sum), re2, im2));
      v128.store(to + 3 * span, times(f32x4.sub(odd, turn), re3, im3));
    }
    twiddles += twiddleBytes;
  }
}

/** The first stage of a single signal, without the loop over one sample. */
function butterfliesOfOne(x: usize, stride: usize, y: usize, twiddles: usize, quarter: usize): void {
  const step = stride * quarter;
  for (let p: usize = 0; p < quarter; p++, x += stride, y += 64, twiddles += twiddleBytes) {
    const a = v128.load(x);
    const b = v128.load(x + step);
    const c = v128.load(x + 2 * step);
    const d = v128.load(x + 3 * step);
    const even = f32x4.add(a, c);
    const odd = f32x4.sub(a, c);
    const sum = f32x4.add(b, d);
    const turn = timesMinusI(f32x4.sub(b, d));
    v128.store(y, f32x4.add(even, sum));
    v128.store(y, times(f32x4.add(odd, turn), v128.load32_splat(twiddles), v128.load64_splat(twiddles, 16)), 16);
    v128.store(y, times(f32x4.sub(even, sum), v128.load32_splat(twiddles, 4), v128.load64_splat(twiddles, 24)), 32);
    v128.store(y, times(f32x4.sub(odd, turn), v128.load32_splat(twiddles, 8), v128.load64_splat(twiddles, 32)), 48);
  }
}

/** The last stage, which needs no factors. */
function quartets(x: usize, y: usize, span: usize): void {
  for (const end = x + span; x < end; x += sampleBytes, y += sampleBytes) {
    const a = v128.load(x);
    const b = v128.load(x + span);
    const c = v128.load(x + 2 * span);
    const d = v128.load(x + 3 * span);
    const even = f32x4.add(a, c);
    const odd = f32x4.sub(a, c);
    const sum = f32x4.add(b, d);
    const turn = timesMinusI(f32x4.sub(b, d));
    v128.store(y, f32x4.add(even, sum));
    v128.store(y + span, f32x4.add(odd, turn));
    v128.store(y + 2 * span, f32x4.sub(even, sum));
    v128.store(y + 3 * span, f32x4.sub(odd, turn));
  }
}

/** The last stage of an odd power of two: radix 8, instead of one of radix 4 and one of radix 2. */
function octets(x: usize, y: usize, span: usize): void {
  const eighth = f32x4.splat(<f32>Math.SQRT1_2);
  for (const end = x + span; x < end; x += sampleBytes, y += sampleBytes) {
    const a0 = v128.load(x);
    const a4 = v128.load(x + 4 * span);
    const a2 = v128.load(x + 2 * span);
    const a6 = v128.load(x + 6 * span);
    const evenSum = f32x4.add(a0, a4);
    const evenOdd = f32x4.sub(a0, a4);
    const evenPair = f32x4.add(a2, a6);
    const evenTurn = timesMinusI(f32x4.sub(a2, a6));
    const a1 = v128.load(x + span);
    const a5 = v128.load(x + 5 * span);
    const a3 = v128.load(x + 3 * span);
    const a7 = v128.load(x + 7 * span);
    const oddSum = f32x4.add(a1, a5);
    const oddOdd = f32x4.sub(a1, a5);
    const oddPair = f32x4.add(a3, a7);
    const oddTurn = timesMinusI(f32x4.sub(a3, a7));
    const even0 = f32x4.add(evenSum, evenPair);
    const odd0 = f32x4.add(oddSum, oddPair);
    v128.store(y, f32x4.add(even0, odd0));
    v128.store(y + 4 * span, f32x4.sub(even0, odd0));
    const even2 = f32x4.sub(evenSum, evenPair);
    const odd2 = timesMinusI(f32x4.sub(oddSum, oddPair));
    v128.store(y + 2 * span, f32x4.add(even2, odd2));
    v128.store(y + 6 * span, f32x4.sub(even2, odd2));
    // An eighth of a turn: (1 - i) / sqrt 2; three of them: (-1 - i) / sqrt 2.
    const even1 = f32x4.add(evenOdd, evenTurn);
    const plain1 = f32x4.add(oddOdd, oddTurn);
    const odd1 = f32x4.mul(eighth, f32x4.add(timesMinusI(plain1), plain1));
    v128.store(y + span, f32x4.add(even1, odd1));
    v128.store(y + 5 * span, f32x4.sub(even1, odd1));
    const even3 = f32x4.sub(evenOdd, evenTurn);
    const plain3 = f32x4.sub(oddOdd, oddTurn);
    const odd3 = f32x4.mul(eighth, f32x4.sub(timesMinusI(plain3), plain3));
    v128.store(y + 3 * span, f32x4.add(even3, odd3));
    v128.store(y + 7 * span, f32x4.sub(even3, odd3));
  }
}
