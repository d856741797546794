// Filtered back-projection in plain TypeScript: the second opinion on fbp.as.ts.
//   picture(x, y) = sum over angles of weight * q(x cos + y sin + centre),  q = line filtered with ramp and window
// (Kak and Slaney, chapter 3). Lines are padded to twice their length, q is interpolated linearly. Geometry, ramp, window, weights and gain
// are those of GridRec's accurate mode, so the two give the same picture but for their interpolations.

import {
  type Complexes,
  createFftPlan,
  createFftScratch,
  type FftPlan,
  type FftScratch,
  runFft,
} from '../fourier/fft.ts';
import { binsOf } from '../fourier/filter-bins.ts';
import { angleWeights } from '../scan/angle-weights.ts';
import type { GridShape } from '../scan/grid.ts';
import { resolveCentres } from '../scan/scan.ts';
import { type FbpOptions, filteredLength, fineness, resolveFbp } from './fbp-options.ts';

/** Reconstructs slices x grid rows x grid columns. Throws `InputError`. */
export function reconstructFbpPlain(options: FbpOptions): Float32Array<ArrayBuffer> {
  const { grid, bins } = resolveFbp(options);
  const { slices, angles, columns, theta } = options;
  const centres = resolveCentres(options.centre ?? columns / 2, slices, columns);
  const weights = angleWeights(theta);
  const pixels = grid.rows * grid.columns;
  const values = new Float32Array(slices * pixels);
  const filter = new LineFilter(columns);
  for (let slice = 0; slice < slices; slice++) {
    const image = values.subarray(slice * pixels, (slice + 1) * pixels);
    for (let angle = 0; angle < angles; angle++) {
      const at = (slice * angles + angle) * columns;
      const line = filter.run(options.sinogram, at, {
        bins: binsOf(bins, angle, filteredLength(columns) / 2),
        gain: weights[angle] as number,
      });
      smear(image, line, grid, { theta: theta[angle] as number, centre: centres[slice] as number });
    }
  }
  return values;
}

/**
 * Multiplies a line's spectrum with real bins, and samples the result `fineness` times a column, because linear interpolation between
 * whole columns would blur. Sample k * fineness of the result is that of detector column k; both tails wrap around.
 */
class LineFilter {
  readonly #columns: number;
  readonly #forward: Transform;
  readonly #back: Transform;
  readonly #line: Float32Array;

  constructor(columns: number) {
    const length = filteredLength(columns);
    this.#columns = columns;
    this.#forward = new Transform(length);
    this.#back = new Transform(length * fineness);
    this.#line = new Float32Array(length * fineness);
  }

  run(
    sinogram: Float32Array,
    at: number,
    { bins, gain }: { readonly bins: Float64Array; readonly gain: number },
  ): Float32Array {
    const { values } = this.#forward;
    values.fill(0);
    for (let i = 0; i < this.#columns; i++) values[2 * i] = sinogram[at + i] as number;
    this.#forward.run();
    const fine = this.#back.values;
    fine.fill(0);
    // Conjugated, so that a second forward transform undoes the first.
    for (let j = 0; j < bins.length; j++) {
      const bin = (bins[j] as number) * gain;
      fine[2 * j] = bin * (values[2 * j] as number);
      fine[2 * j + 1] = -bin * (values[2 * j + 1] as number);
      if (j === 0) continue;
      fine[fine.length - 2 * j] = fine[2 * j] as number;
      fine[fine.length - 2 * j + 1] = -(fine[2 * j + 1] as number);
    }
    this.#back.run();
    const line = this.#line;
    for (let i = 0; i < line.length; i++) line[i] = fine[2 * i] as number;
    return line;
  }
}

/** A forward FFT in place. */
class Transform {
  readonly values: Complexes;
  readonly #plan: FftPlan;
  readonly #scratch: FftScratch;

  constructor(length: number) {
    this.values = new Float32Array(2 * length);
    this.#plan = createFftPlan(length);
    this.#scratch = createFftScratch(this.#plan, 1);
  }

  run(): void {
    const buffer = this.values;
    runFft(this.#plan, { buffer, offset: 0, stride: 2 }, { buffer, offset: 0 }, 1, this.#scratch);
  }
}

/** Adds the line to every pixel that lies on it. */
function smear(
  image: Float32Array,
  line: Float32Array,
  { rows, columns }: GridShape,
  { theta, centre }: { readonly theta: number; readonly centre: number },
): void {
  const [cosine, sine] = [fineness * Math.cos(theta), fineness * Math.sin(theta)];
  const mask = line.length - 1;
  for (let row = 0; row < rows; row++) {
    let s = fineness * centre - (columns / 2) * cosine + (rows / 2 - 1 - row) * sine;
    for (let at = row * columns; at < (row + 1) * columns; at++, s += cosine) {
      const left = Math.floor(s);
      const a = line[left & mask] as number;
      const b = line[(left + 1) & mask] as number;
      image[at] = (image[at] as number) + a + (s - left) * (b - a);
    }
  }
}
