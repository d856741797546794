// Filtered back-projection of four slices that share an axis, four angles at a time. fbp.ts says what is computed and why. A sample is one
// v128: four slices, which the FFT takes for two complex numbers. That the filter is real and even keeps them apart.
import { sampleBytes, transform } from '../fourier/fft.as';

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/**
 * Filters one angle's lines: `spectrum` holds `length` interleaved samples, filled up with zeros; `line` gets fineness * length samples and
 * the first one again. `bins` are length / 2 f32 values, times `gain`.
 */
export function filterLine(
  spectrum: usize, length: usize, bins: usize, gain: f32, fine: usize, fineLength: usize,
  twiddles: usize, fineTwiddles: usize, first: usize, second: usize, line: usize,
): void {
  transform(spectrum, sampleBytes, spectrum, length, 1, twiddles, first, second);
  memory.fill(fine, 0, fineLength * sampleBytes);
  const half = length >> 1;
  for (let j: usize = 0; j < half; j++) {
    const bin = f32x4.splat(f32.load(bins + (j << 2)) * gain);
    v128.store(fine + j * sampleBytes, f32x4.mul(bin, v128.load(spectrum + j * sampleBytes)));
    if (j == 0) continue;
    const mirrored = v128.load(spectrum + (length - j) * sampleBytes);
    v128.store(fine + (fineLength - j) * sampleBytes, f32x4.mul(bin, mirrored));
  }
  transform(fine, sampleBytes, fine, fineLength, 1, fineTwiddles, first, second);
  // A second forward transform gives the line backwards.
  for (let k: usize = 0; k <= fineLength; k++) {
    v128.store(line + k * sampleBytes, v128.load(fine + ((fineLength - k) & (fineLength - 1)) * sampleBytes));
  }
}

/**
 * Adds the lines of four angles to the picture. `starts`, `across` and `down` are four f32 each: where the first pixel's sample lies, and how far
 * it moves a column and a row further. Line i lies at lines + i * lineBytes.
 */
export function smear(
  picture: usize, rows: i32, columns: i32, lines: usize, lineBytes: usize, fineLength: i32, starts: usize, across: usize, down: usize,
): void {
  const steps = v128.load(across);
  const mask = i32x4.splat(fineLength - 1);
  for (let row = 0; row < rows; row++) {
    const rowStart = f32x4.add(v128.load(starts), f32x4.mul(v128.load(down), f32x4.splat(f32(row))));
    picture = smearRow(picture, columns, lines, lineBytes, mask, rowStart, steps);
  }
}

function smearRow(picture: usize, columns: i32, lines: usize, lineBytes: usize, mask: v128, start: v128, steps: v128): usize {
  const line1 = lines + lineBytes;
  const line2 = lines + 2 * lineBytes;
  const line3 = lines + 3 * lineBytes;
  for (let column = 0; column < columns; column++, picture += 16) {
    const at = f32x4.add(start, f32x4.mul(steps, f32x4.splat(f32(column))));
    const left = f32x4.floor(at);
    const part = f32x4.sub(at, left);
    const index = i32x4.shl(v128.and(i32x4.trunc_sat_f32x4_s(left), mask), 4);
    let sum = v128.load(picture);
    sum = f32x4.add(sum, between(lines + i32x4.extract_lane(index, 0), f32x4.splat(f32x4.extract_lane(part, 0))));
    sum = f32x4.add(sum, between(line1 + i32x4.extract_lane(index, 1), f32x4.splat(f32x4.extract_lane(part, 1))));
    sum = f32x4.add(sum, between(line2 + i32x4.extract_lane(index, 2), f32x4.splat(f32x4.extract_lane(part, 2))));
    sum = f32x4.add(sum, between(line3 + i32x4.extract_lane(index, 3), f32x4.splat(f32x4.extract_lane(part, 3))));
    v128.store(picture, sum);
  }
  return picture;
}

/** Linear between a sample and the next. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function between(at: usize, part: v128): v128 {
  const left = v128.load(at);
  return f32x4.add(left, f32x4.mul(part, f32x4.sub(v128.load(at, 16), left)));
}
