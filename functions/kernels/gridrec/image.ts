// From the frequency grid to two pictures: a 2-D FFT of which only what is shown is made (all rows of the grid, then only the
// columns that fall into the picture), the kernel's correction, and the crop. Real part = first slice, imaginary = second.
import {
  type Complexes,
  createFftPlan,
  createFftScratch,
  type FftPlan,
  type FftScratch,
  runFft,
} from '../fourier/fft.ts';
import { kernelTransformAt, type ProlateFunction } from './pswf.ts';

/** Grid columns transformed together: 8 x 8 bytes are one cache line of a grid row. */
const columnsTogether = 8;

/** Output pixel k of an axis lies at x = k - origin; `correction[k]` undoes the kernel and carries the sign (-1)^x. */
export interface ImageAxis {
  readonly pixels: number;
  readonly origin: number;
  readonly correction: Float64Array;
}

/** The pixel that lies on the axis: n / 2 for even n, rounded up for odd n. */
export function originPixel(size: number, columns: number): number {
  return size / 2 - Math.floor((size - columns) / 2);
}

/** Divides by the true Fourier transform of the kernel, so the gain is 1 everywhere. */
export function accurateAxis(size: number, columns: number, prolate: ProlateFunction): ImageAxis {
  const origin = originPixel(size, columns);
  const correction = Float64Array.from({ length: columns }, (_, k) => {
    const x = k - origin;
    return (x % 2 === 0 ? 1 : -1) / kernelTransformAt(prolate, x / size);
  });
  return { pixels: columns, origin, correction };
}

/**
 * TomoPy's correction: 1 / w looked up at |k - (P/2 - 1)| / (P/2 - 1/2), so one pixel off-centre and with a gain of 1.119. Where n = P the
 * last entry lies past their table; here the table's last value stands for it.
 */
export function compatAxis(
  size: number,
  columns: number,
  {
    kernel,
    concentration,
    bandwidth,
  }: { readonly kernel: Float64Array; readonly concentration: number; readonly bandwidth: number },
): ImageAxis {
  const last = kernel.length - 1;
  const norm = Math.sqrt(Math.PI / 2 / bandwidth / concentration) / 1.2;
  const padding = Math.floor((size - columns) / 2);
  const correction = Float64Array.from({ length: columns }, (_, k) => {
    const distance = Math.abs(k + padding - (size / 2 - 1));
    const entry = Math.min(last, Math.round((distance * last) / (size / 2 - 0.5)));
    return ((distance % 2 === 0 ? 1 : -1) * norm) / (kernel[entry] as number);
  });
  return { pixels: columns, origin: originPixel(size, columns), correction };
}

/** Where the two pictures go: offsets into `values`; `second` < 0 drops the second. */
export interface ImagePair {
  readonly values: Float32Array;
  readonly first: number;
  readonly second: number;
}

/** Turns a grid into two pictures. Owns its scratch memory; the grid is used up. */
export class ImageMaker {
  readonly #plan: FftPlan;
  readonly #rowScratch: FftScratch;
  readonly #columnScratch: FftScratch;
  readonly #columns: Complexes;
  readonly #across: ImageAxis;
  readonly #down: ImageAxis;

  constructor(size: number, axes: { readonly across: ImageAxis; readonly down: ImageAxis }) {
    this.#plan = createFftPlan(size);
    this.#rowScratch = createFftScratch(this.#plan, 1);
    this.#columnScratch = createFftScratch(this.#plan, columnsTogether);
    this.#columns = new Float32Array(2 * size * columnsTogether);
    this.#across = axes.across;
    this.#down = axes.down;
  }

  make(grid: Complexes, out: ImagePair): void {
    const size = this.#plan.length;
    const { pixels, origin } = this.#down;
    for (let row = 0; row < size; row++) {
      const offset = 2 * size * row;
      runFft(this.#plan, { buffer: grid, offset, stride: 2 }, { buffer: grid, offset }, 1, this.#rowScratch);
    }
    // Picture pixels k < origin lie at the end of the grid (negative x), the others at its start.
    for (let k = 0; k < pixels; ) {
      const together = Math.min(columnsTogether, (k < origin ? origin : pixels) - k);
      const column = k < origin ? size - origin + k : k - origin;
      this.#makeColumns(grid, column, together);
      for (let q = 0; q < together; q++) this.#writeRow(out, k + q, q, together);
      k += together;
    }
  }

  #makeColumns(grid: Complexes, column: number, together: number): void {
    const from = { buffer: grid, offset: 2 * column, stride: 2 * this.#plan.length };
    runFft(this.#plan, from, { buffer: this.#columns, offset: 0 }, together, this.#columnScratch);
  }

  /** Grid column k is picture row n - 1 - k, because y points up. */
  #writeRow(out: ImagePair, k: number, q: number, together: number): void {
    const { origin, correction } = this.#across;
    const row = (this.#down.pixels - 1 - k) * correction.length;
    const down = this.#down.correction[k] as number;
    writeLine(out.values, out.first + row, this.#columns, 2 * q, together, correction, origin, down);
    if (out.second >= 0)
      writeLine(out.values, out.second + row, this.#columns, 2 * q + 1, together, correction, origin, down);
  }
}

// biome-ignore lint/complexity/useMaxParams: called twice a picture row; an options object would only rename its arguments.
function writeLine(
  out: Float32Array,
  at: number,
  columns: Complexes,
  part: number,
  together: number,
  correction: Float64Array,
  origin: number,
  down: number,
): void {
  const pixels = correction.length;
  const size = columns.length / (2 * columnsTogether);
  for (let j = 0; j < pixels; j++) {
    const sample = j < origin ? size - origin + j : j - origin;
    const value = columns[2 * together * sample + part] as number;
    out[at + j] = value * down * (correction[j] as number);
  }
}
