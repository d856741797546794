// From line integrals to filtered spectra: two slices (or one slice at two centres) in one complex FFT per angle.
// With z = a + i b the spectrum Z holds both; Z[j] and Z[P - j] are the two half-lines of the projection in frequency space.
import {
  type Complexes,
  createFftPlan,
  createFftScratch,
  type FftPlan,
  type FftScratch,
  runFft,
} from '../fourier/fft.ts';

/**
 * The phases exp(-2 pi i j centre / P) that put the rotation axis at the origin, bins 0 .. P/2 - 1, interleaved. `precision` is
 * Math.fround where TomoPy's rounding is wanted: at j c = 10^5 it turns a phase by 1e-4.
 */
export function writeCentrePhases(
  phases: Float64Array,
  length: number,
  centre: number,
  precision: (value: number) => number,
): void {
  const step = precision((2 * Math.PI * precision(centre)) / length);
  for (let j = 0; j < length / 2; j++) {
    const angle = -precision(j * step);
    phases[2 * j] = Math.cos(angle);
    phases[2 * j + 1] = Math.sin(angle);
  }
}

/**
 * Transforms two lines of `columns` values, a + i b, zero-filled to `length`, into one reused complex spectrum (sign -).
 * `read` takes the offsets of both lines; a second < 0 stands for a line of zeros (the last slice of an odd count).
 */
export class SpectrumReader {
  readonly spectrum: Complexes;
  readonly #plan: FftPlan;
  readonly #scratch: FftScratch;
  readonly #columns: number;

  constructor(length: number, columns: number) {
    this.#plan = createFftPlan(length);
    this.#scratch = createFftScratch(this.#plan, 1);
    this.#columns = columns;
    this.spectrum = new Float32Array(2 * length);
  }

  read(values: Float32Array, first: number, second: number): void {
    const { spectrum } = this;
    const columns = this.#columns;
    spectrum.fill(0, 2 * columns);
    for (let i = 0; i < columns; i++) {
      spectrum[2 * i] = values[first + i] as number;
      spectrum[2 * i + 1] = second < 0 ? 0 : (values[second + i] as number);
    }
    runFft(this.#plan, { buffer: spectrum, offset: 0, stride: 2 }, { buffer: spectrum, offset: 0 }, 1, this.#scratch);
  }
}
