// Filters as what a line's spectrum is multiplied with: bins 0 .. P/2 - 1 of a padded length P, without phase.
import { InputError } from '../scan/errors.ts';
import { type Complexes, createFftPlan, createFftScratch, runFft } from './fft.ts';
import { type Filter, filterAt, hasRamp, windowAt } from './filters.ts';

export interface FilterBins {
  /** P/2 values for all angles, or P/2 values an angle (a custom table of two dimensions). */
  readonly values: Float64Array;
  readonly perAngle: boolean;
}

/** The bins of one angle. */
export function binsOf({ values, perAngle }: FilterBins, angle: number, half: number): Float64Array {
  return perAngle ? values.subarray(angle * half, (angle + 1) * half) : values;
}

/** TomoPy's filter and gain. DC is dropped by who spreads the line. */
export function compatFilterBins(length: number, angles: number, filter: Filter): FilterBins {
  const gain = Math.PI / (length * angles);
  if (filter.name === 'custom') return fromTable(filter.table, length / 2, angles, gain);
  const values = Float64Array.from({ length: length / 2 }, (_, j) => gain * filterAt(filter, j / length));
  values[0] = 0;
  return { values, perAngle: false };
}

/**
 * The true ramp times the window: the ramp is the FFT of the band-limited spatial kernel h(0) = 1/4, h(k) = -1/(pi k)^2 for odd k
 * (Ramachandran and Lakshminarayanan 1971; Kak and Slaney, "Principles of Computerized Tomographic Imaging", eq. 3.61),
 * which keeps DC right. The 1/P of the inverse transform is included; the angle's weight is not.
 */
export function accurateFilterBins(length: number, angles: number, filter: Filter): FilterBins {
  // A table holds TomoPy's 2x; a ramp in cycles a column is x.
  if (filter.name === 'custom') return fromTable(filter.table, length / 2, angles, 0.5 / length);
  const kernel: Complexes = new Float32Array(2 * length);
  kernel[0] = 0.25;
  for (let k = 1; k < length / 2; k += 2) {
    kernel[2 * k] = -1 / (Math.PI * k) ** 2;
    kernel[2 * (length - k)] = -1 / (Math.PI * k) ** 2;
  }
  const plan = createFftPlan(length);
  runFft(plan, { buffer: kernel, offset: 0, stride: 2 }, { buffer: kernel, offset: 0 }, 1, createFftScratch(plan, 1));
  const values = Float64Array.from({ length: length / 2 }, (_, j) => {
    const ramp = hasRamp(filter.name) ? (kernel[2 * j] as number) : 1;
    return (ramp * windowAt(filter, j / length)) / length;
  });
  return { values, perAngle: false };
}

function fromTable(table: ArrayLike<number>, half: number, angles: number, gain: number): FilterBins {
  if (table.length !== half && table.length !== angles * half) {
    throw new InputError(
      'filter',
      `The custom filter has ${table.length} values; give ${half} (the frequencies j / ${2 * half}, j = 0 .. ${half - 1}), or ${angles} x ${half}, one line an angle.`,
    );
  }
  const values = Float64Array.from(table, (value) => gain * value);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new InputError('filter', `Value ${bad} of the custom filter is ${table[bad]}; give finite numbers.`);
  return { values, perAngle: table.length !== half };
}
