// GridRec for four slices at once: slices s and s + 1 are real and imaginary part of one complex number, s + 2 and s + 3 of
// the other, and a v128 holds both. The steps are those of reconstructor.ts, which calls them in the same order; that file and its
// neighbours say why. All memory is laid out by the caller (simd-reconstructor.ts); nothing is allocated here.
import { sampleBytes, times, transform } from '../fourier/fft.as';

/** Where the caller may put its tables and buffers. */
export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/** Clears `bytes` of the grid, a multiple of 16. */
export function clear(grid: usize, bytes: usize): void {
  memory.fill(grid, 0, bytes);
}

/**
 * The spectra of one angle's four lines: `lines` is where the first slice's values lie, the others `sliceBytes` further each; they are
 * interleaved, filled up with zeros and transformed in place at `spectrum`. False when one of the values is NaN or infinite.
 */
export function readSpectrum(
  lines: usize, sliceBytes: usize, columns: usize, spectrum: usize, size: usize, twiddles: usize, first: usize, second: usize,
): bool {
  const finite = interleave(lines, sliceBytes, columns, spectrum);
  memory.fill(spectrum + columns * sampleBytes, 0, (size - columns) * sampleBytes);
  transform(spectrum, sampleBytes, spectrum, size, 1, twiddles, first, second);
  return finite;
}

/** A finite number less itself is 0; of any other it is NaN, and stays so whatever is added. */
function interleave(lines: usize, sliceBytes: usize, columns: usize, to: usize): bool {
  let i: usize = 0;
  let rest = f32x4.splat(0);
  let last: f32 = 0;
  for (; i + 4 <= columns; i += 4, lines += 16, to += 64) {
    const a = v128.load(lines);
    const b = v128.load(lines + sliceBytes);
    const c = v128.load(lines + 2 * sliceBytes);
    const d = v128.load(lines + 3 * sliceBytes);
    storeTransposed(a, b, c, d, to, 16);
    const ab = f32x4.add(f32x4.sub(a, a), f32x4.sub(b, b));
    rest = f32x4.add(rest, f32x4.add(ab, f32x4.add(f32x4.sub(c, c), f32x4.sub(d, d))));
  }
  for (; i < columns; i++, lines += 4, to += 16) {
    for (let slice: usize = 0; slice < 4; slice++) {
      const value = f32.load(lines + slice * sliceBytes);
      f32.store(to + 4 * slice, value);
      last += value - value;
    }
  }
  return last == 0 && !v128.any_true(f32x4.ne(rest, rest));
}

/** Writes the transpose of a 4 x 4 matrix, `step` bytes from row to row. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, step: usize): void {
  const abLow = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const abHigh = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const cdLow = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const cdHigh = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(abLow, cdLow, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(to + step, i8x16.shuffle(abLow, cdLow, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
  v128.store(to + 2 * step, i8x16.shuffle(abHigh, cdHigh, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(to + 3 * step, i8x16.shuffle(abHigh, cdHigh, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
}

/**
 * Filters the spectra and parts them into what goes on the grid: C1 at +j and C2 at -j, 32 bytes a bin. `phases` has 64 bytes a bin:
 * re and (-im, im) of the first slice of both pairs, then of the second ones. Each slice has its own, so A and B of filter-line.ts are
 * always told apart: C1 = gA (Z+ + Z-*) + gB (Z+ - Z-*), C2 = conj(gA (Z+ + Z-*) - gB (Z+ - Z-*)), half of both.
 */
export function filterLine(
  line: usize, spectrum: usize, size: usize, bins: usize, phases: usize, scale: f32,
): void {
  const conjugate = i32x4(0, 0x80000000, 0, 0x80000000);
  const half = size >> 1;
  for (let j: usize = 0; j < half; j++, line += 32, bins += 4, phases += 64) {
    const plus = v128.load(spectrum + ((size - j) & (size - 1)) * sampleBytes);
    const minus = v128.xor(v128.load(spectrum + j * sampleBytes), conjugate);
    const gain = f32x4.splat(f32.load(bins) * scale * 0.5);
    const a = times(f32x4.add(plus, minus), v128.load(phases), v128.load(phases, 16));
    const b = times(f32x4.sub(plus, minus), v128.load(phases, 32), v128.load(phases, 48));
    v128.store(line, f32x4.mul(gain, f32x4.add(a, b)));
    v128.store(line, v128.xor(f32x4.mul(gain, f32x4.sub(a, b)), conjugate), 16);
  }
}

/** Turns C1 of bin j by exp(-i j step) and C2 back, where the picture's middle lies between two pixels. */
export function shiftLine(line: usize, half: usize, step: f64): void {
  const stepRe = NativeMath.cos(step);
  const stepIm = -NativeMath.sin(step);
  let re: f64 = 1;
  let im: f64 = 0;
  for (let j: usize = 0; j < half; j++, line += 32) {
    const reals = f32x4.splat(f32(re));
    const turn = f32(im);
    const imaginaries = f32x4(-turn, turn, -turn, turn);
    v128.store(line, times(v128.load(line), reals, imaginaries));
    v128.store(line, times(v128.load(line, 16), reals, f32x4.neg(imaginaries)), 16);
    const next = re * stepRe - im * stepIm;
    im = re * stepIm + im * stepRe;
    re = next;
  }
}

/**
 * Adds a line to the grid; rules and names as in gridding.ts. `pitch` is the bytes from one row of the grid to the next, `kernel` f32 at
 * distances i / density, `places` room for 24 bytes a bin. `single` rounds coordinates to 32 bits, `wrap` lets taps over the edge come in
 * on the other side.
 */
export function spreadLine(
  grid: usize, pitch: i32, size: i32, line: usize, kernel: usize, density: i32, places: usize,
  cosine: f64, sine: f64, firstBin: i32, inner: i32, single: bool, wrap: bool,
): void {
  const half = size >> 1;
  const step = density << 2;
  const mirror = grid + size * pitch + size * 16;
  placeTaps(places, pitch, size, density, cosine, sine, inner, single);
  for (let j = firstBin; j <= inner; j++) {
    const place = places + (j >> 1) * placesBytes + ((j & 1) << 3);
    const rowLow = kernel + i32.load(place, 16);
    const columnLow = kernel + i32.load(place, 20);
    if (rowLow == kernel || columnLow == kernel) {
      const u = coordinate(half, j, cosine, single);
      const v = coordinate(half, j, sine, single);
      spreadPoint(grid, pitch, size, line, kernel, density, j, u, v, single, wrap);
      continue;
    }
    const rowHigh = kernel + i32.load(place, 32);
    const columnHigh = kernel + i32.load(place, 36);
    const first = i32.load(place) + i32.load(place, 4);
    const at = line + 32 * j;
    const c1 = v128.load(at);
    const c2 = v128.load(at, 16);
    const v0 = v128.load32_splat(columnLow);
    const v1 = v128.load32_splat(columnLow - step);
    const v2 = v128.load32_splat(columnHigh);
    const v3 = v128.load32_splat(columnHigh + step);
    let plus = grid + first;
    let minus = mirror - first;
    spreadRow(plus, minus, v128.load32_splat(rowLow), c1, c2, v0, v1, v2, v3);
    plus += pitch;
    minus -= pitch;
    spreadRow(plus, minus, v128.load32_splat(rowLow - step), c1, c2, v0, v1, v2, v3);
    plus += pitch;
    minus -= pitch;
    spreadRow(plus, minus, v128.load32_splat(rowHigh), c1, c2, v0, v1, v2, v3);
    plus += pitch;
    minus -= pitch;
    spreadRow(plus, minus, v128.load32_splat(rowHigh + step), c1, c2, v0, v1, v2, v3);
  }
  for (let j = inner + 1; j < half; j++) {
    const u = coordinate(half, j, cosine, single);
    const v = coordinate(half, j, sine, single);
    spreadPoint(grid, pitch, size, line, kernel, density, j, u, v, single, wrap);
  }
}

/** Bytes of `placeTaps` for two bins. */
const placesBytes: i32 = 48;

/**
 * Where the taps of bins up to `last` lie, two bins at a time. For each pair three vectors with lanes (u, v) of either bin: bytes from the
 * grid to the first of four taps; bytes into the kernel for the first tap, 0 where `spreadPoint` has to look closer; the same for the third.
 */
function placeTaps(
  places: usize, pitch: i32, size: i32, density: i32, cosine: f64, sine: f64, last: i32, single: bool,
): void {
  const half = size >> 1;
  // Coordinates as integers with as many bits behind the point as there is room for: rounding to taps and table entries is cheap then.
  const bits = 30 - ctz(size);
  const shift = bits - ctz(density);
  const whole = i32x4.splat((1 << bits) - 1);
  const one = i32x4.splat(1 << bits);
  const rounding = i32x4.splat(1 << (shift - 1));
  const three = i32x4.add(i32x4.add(one, one), i32x4.add(rounding, rounding));
  const steps = i32x4(pitch, 16, pitch, 16);
  const scale = f64(1 << bits);
  for (let j = 0; j <= last; j += 2, places += placesBytes) {
    const fixed = single
      ? fixedPlacesSingle(half, j, f32(cosine), f32(sine), f32(scale))
      : fixedPlaces(half, j, cosine, sine, scale);
    const part = v128.and(fixed, whole);
    // How far the first of four taps is, between one cell and two, rounded; and the third, which is what is left of three.
    const away = i32x4.add(i32x4.add(part, one), rounding);
    const low = i32x4.shl(i32x4.shr_s(away, shift), 2);
    const high = i32x4.shl(i32x4.shr_s(i32x4.sub(three, away), shift), 2);
    v128.store(places, i32x4.mul(i32x4.sub(i32x4.shr_s(fixed, bits), i32x4.splat(1)), steps));
    v128.store(places, v128.andnot(low, i32x4.eq(part, i32x4.splat(0))), 16);
    v128.store(places, high, 32);
  }
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function coordinate(half: i32, j: i32, direction: f64, single: bool): f64 {
  if (single) return f64(f32(half) + f32(j) * f32(direction));
  const scale = f64(1 << (29 - ctz(half)));
  return Math.trunc((f64(half) + f64(j) * direction) * scale) / scale;
}

/** u and v of bins j and j + 1 times `scale`, rounded down. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function fixedPlaces(half: i32, j: i32, cosine: f64, sine: f64, scale: f64): v128 {
  const middle = f64x2.splat(f64(half));
  const direction = f64x2(cosine, sine);
  const first = f64x2.add(middle, f64x2.mul(f64x2.splat(f64(j)), direction));
  const second = f64x2.add(middle, f64x2.mul(f64x2.splat(f64(j + 1)), direction));
  const low = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(first, f64x2.splat(scale)));
  const high = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(second, f64x2.splat(scale)));
  return i8x16.shuffle(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

/** The same of coordinates in 32 bits; 0 where `spreadPoint` has to look closer. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function fixedPlacesSingle(half: i32, j: i32, cosine: f32, sine: f32, scale: f32): v128 {
  const bins = f32x4(f32(j), f32(j), f32(j + 1), f32(j + 1));
  const places = f32x4.add(f32x4.splat(f32(half)), f32x4.mul(bins, f32x4(cosine, sine, cosine, sine)));
  const fixed = i32x4.trunc_sat_f32x4_s(f32x4.mul(places, f32x4.splat(scale)));
  // Just below a whole number 32 bits round the last tap's place up, so that there are five taps (sin(pi) is -9e-8): as for whole numbers.
  const two = f32x4.splat(2);
  const rounded = f32x4.ne(f32x4.floor(f32x4.add(places, two)), f32x4.add(f32x4.floor(places), two));
  return v128.andnot(fixed, rounded);
}

/** The last tap's index. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function upper(at: f64, single: bool): i32 {
  return i32(Math.floor(single ? f64(f32(at) + 2) : at + 2));
}

/** Four taps of one row, and the mirrored ones. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function spreadRow(plus: usize, minus: usize, weight: v128, c1: v128, c2: v128, v0: v128, v1: v128, v2: v128, v3: v128): void {
  const a = f32x4.mul(weight, c1);
  const b = f32x4.mul(weight, c2);
  v128.store(plus, f32x4.add(v128.load(plus), f32x4.mul(v0, a)));
  v128.store(plus, f32x4.add(v128.load(plus, 16), f32x4.mul(v1, a)), 16);
  v128.store(plus, f32x4.add(v128.load(plus, 32), f32x4.mul(v2, a)), 32);
  v128.store(plus, f32x4.add(v128.load(plus, 48), f32x4.mul(v3, a)), 48);
  const start = minus - 48;
  v128.store(start, f32x4.add(v128.load(start, 48), f32x4.mul(v0, b)), 48);
  v128.store(start, f32x4.add(v128.load(start, 32), f32x4.mul(v1, b)), 32);
  v128.store(start, f32x4.add(v128.load(start, 16), f32x4.mul(v2, b)), 16);
  v128.store(start, f32x4.add(v128.load(start), f32x4.mul(v3, b)));
}

/** One point in general: up to 5 x 5 taps, over the edge as `wrap` says. */
function spreadPoint(
  grid: usize, pitch: i32, size: i32, line: usize, kernel: usize, density: i32,
  j: i32, u: f64, v: f64, single: bool, wrap: bool,
): void {
  const c1 = v128.load(line + 32 * j);
  // DC has no mirrored point: its C2 would count it twice.
  const c2 = j == 0 ? f32x4.splat(0) : v128.load(line + 32 * j, 16);
  const mask = size - 1;
  const lastRow = upper(u, single);
  const lastColumn = upper(v, single);
  for (let iu = i32(Math.ceil(u - 2)); iu <= lastRow; iu++) {
    for (let iv = i32(Math.ceil(v - 2)); iv <= lastColumn; iv++) {
      if (!wrap && (iu < 1 || iu >= size || iv < 1 || iv >= size)) continue;
      const wu = f32.load(kernel + (i32(Math.abs(u - iu) * density + 0.5) << 2));
      const wv = f32.load(kernel + (i32(Math.abs(v - iv) * density + 0.5) << 2));
      const weight = f32x4.splat(wu * wv);
      const plus = grid + (iu & mask) * pitch + (iv & mask) * 16;
      const minus = grid + ((size - iu) & mask) * pitch + ((size - iv) & mask) * 16;
      v128.store(plus, f32x4.add(v128.load(plus), f32x4.mul(weight, c1)));
      v128.store(minus, f32x4.add(v128.load(minus), f32x4.mul(weight, c2)));
    }
  }
}

/** Transforms all rows of the grid in place. */
export function transformRows(
  grid: usize, pitch: usize, size: usize, twiddles: usize, first: usize, second: usize,
): void {
  for (let row: usize = 0; row < size; row++, grid += pitch) {
    transform(grid, sampleBytes, grid, size, 1, twiddles, first, second);
  }
}

/**
 * Transforms `batch` columns of the grid from byte `column` on into `columns`, and writes each as one row of four pictures: row `row` and
 * those above it. `across` undoes the kernel along the row, `down` (one value a column) across it.
 */
export function makeRows(
  grid: usize, pitch: usize, size: usize, column: usize, batch: usize, columns: usize, twiddles: usize, first: usize, second: usize,
  pictures: usize, pictureBytes: usize, row: usize, pixels: usize, origin: usize, across: usize, down: usize,
): void {
  transform(grid + column, pitch, columns, size, batch, twiddles, first, second);
  const step = batch * sampleBytes;
  for (let q: usize = 0; q < batch; q++) {
    const from = columns + q * sampleBytes;
    const to = pictures + (row - q) * pixels * 4;
    const gain = f32.load(down + q * 4);
    writeRow(from + (size - origin) * step, step, to, pictureBytes, origin, across, gain);
    writeRow(from, step, to + origin * 4, pictureBytes, pixels - origin, across + origin * 4, gain);
  }
}

function writeRow(from: usize, step: usize, to: usize, pictureBytes: usize, count: usize, across: usize, gain: f32): void {
  const gains = f32x4.splat(gain);
  let i: usize = 0;
  for (; i + 4 <= count; i += 4, from += 4 * step, to += 16, across += 16) {
    const weights = f32x4.mul(gains, v128.load(across));
    const a = f32x4.mul(v128.load(from), f32x4.splat(f32x4.extract_lane(weights, 0)));
    const b = f32x4.mul(v128.load(from + step), f32x4.splat(f32x4.extract_lane(weights, 1)));
    const c = f32x4.mul(v128.load(from + 2 * step), f32x4.splat(f32x4.extract_lane(weights, 2)));
    const d = f32x4.mul(v128.load(from + 3 * step), f32x4.splat(f32x4.extract_lane(weights, 3)));
    storeTransposed(a, b, c, d, to, pictureBytes);
  }
  for (; i < count; i++, from += step, to += 4, across += 4) {
    const weight = gain * f32.load(across);
    f32.store(to, weight * f32.load(from));
    f32.store(to + pictureBytes, weight * f32.load(from, 4));
    f32.store(to + 2 * pictureBytes, weight * f32.load(from, 8));
    f32.store(to + 3 * pictureBytes, weight * f32.load(from, 12));
  }
}
