// Smaller copies of one slice, for searches that need not see everything.
import type { Scan } from '../scan/scan.ts';

export function middleSlice({ sinogram, slices, angles, columns, theta }: Scan): Scan {
  const start = Math.floor(slices / 2) * angles * columns;
  return { sinogram: sinogram.subarray(start, start + angles * columns), slices: 1, angles, columns, theta };
}

/** Every so-manieth angle, so that there are `anglesMax` at most. */
export function thinAngles(slice: Scan, anglesMax: number): Scan {
  const step = Math.ceil(slice.angles / anglesMax);
  if (step === 1) return slice;
  const { columns } = slice;
  const theta = slice.theta.filter((_, i) => i % step === 0);
  const sinogram = new Float32Array(theta.length * columns);
  for (let i = 0; i < theta.length; i++) {
    sinogram.set(slice.sinogram.subarray(i * step * columns, (i * step + 1) * columns), i * columns);
  }
  return { sinogram, slices: 1, angles: theta.length, columns, theta };
}

/** Averages `bin` neighbouring columns; what is left over at the end is dropped. */
export function binColumns(slice: Scan, bin: number): Scan {
  if (bin === 1) return slice;
  const columns = Math.floor(slice.columns / bin);
  const sinogram = new Float32Array(slice.angles * columns);
  for (let angle = 0; angle < slice.angles; angle++) {
    for (let i = 0; i < columns; i++) {
      let sum = 0;
      for (let k = 0; k < bin; k++) sum += slice.sinogram[angle * slice.columns + i * bin + k] as number;
      sinogram[angle * columns + i] = sum / bin;
    }
  }
  return { ...slice, sinogram, columns };
}
