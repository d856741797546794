// From line integrals to filtered spectra: two slices (or one slice at two centres) in one complex FFT per angle.
// With z = a + i b the spectrum Z holds both; Z[j] and Z[P - j] are the two half-lines of the projection in frequency space.
import { type Complexes, createFftPlan, createFftScratch, type FftPlan, type FftScratch, runFft } from './fft.ts';
import { type FilterName, filterAt, hasRamp, windowAt } from './filters.ts';

/** The filter on bins 0 .. P/2 - 1, without phase: what a spectrum is multiplied with, gain and angle weight included. */
export type FilterBins = Float64Array;

/** TomoPy's filter and gain: bins 1 .. P/2 - 1, DC dropped. */
export function compatFilterBins(
  length: number,
  angles: number,
  filter: { readonly name: FilterName; readonly parameters: readonly [number, number] },
): FilterBins {
  const bins = new Float64Array(length / 2);
  for (let j = 1; j < bins.length; j++) {
    bins[j] = (filterAt(filter.name, j / length, filter.parameters) * Math.PI) / (length * angles);
  }
  return bins;
}

/**
 * The true ramp times the window: the ramp is the FFT of the band-limited spatial kernel h(0) = 1/4, h(k) = -1/(pi k)^2 for odd k
 * (Ramachandran and Lakshminarayanan 1971; Kak and Slaney, "Principles of Computerized Tomographic Imaging", eq. 3.61),
 * which keeps DC right. The 1/P of the inverse transform is included; the angle's weight is not.
 */
export function accurateFilterBins(
  length: number,
  filter: { readonly name: FilterName; readonly parameters: readonly [number, number] },
): FilterBins {
  const kernel: Complexes = new Float32Array(2 * length);
  kernel[0] = 0.25;
  for (let k = 1; k < length / 2; k += 2) {
    kernel[2 * k] = -1 / (Math.PI * k) ** 2;
    kernel[2 * (length - k)] = -1 / (Math.PI * k) ** 2;
  }
  const plan = createFftPlan(length);
  runFft(plan, { buffer: kernel, offset: 0, stride: 2 }, { buffer: kernel, offset: 0 }, 1, createFftScratch(plan, 1));
  const bins = new Float64Array(length / 2);
  for (let j = 0; j < bins.length; j++) {
    const ramp = hasRamp(filter.name) ? (kernel[2 * j] as number) : 1;
    bins[j] = (ramp * windowAt(filter.name, j / length, filter.parameters)) / length;
  }
  return bins;
}

/** The phases exp(-2 pi i j centre / P) that put the rotation axis at the origin, bins 0 .. P/2 - 1, interleaved. */
export function writeCentrePhases(phases: Float64Array, length: number, centre: number): void {
  for (let j = 0; j < length / 2; j++) {
    const angle = (-2 * Math.PI * j * centre) / length;
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
