// The disk in which a parallel scan sees every point at every angle; outside it a picture means nothing.
import { InputError } from './errors.ts';

export const maskRatioDefault = 0.95;

/** Tells whether the pixel's centre lies inside x^2 + y^2 < (ratio n / 2)^2, pixel centres at half-integers. */
export function isInsideDisk(row: number, column: number, columns: number, ratio: number): boolean {
  const x = column + 0.5 - columns / 2;
  const y = row + 0.5 - columns / 2;
  return x * x + y * y < ((ratio * columns) / 2) ** 2;
}

/** Sets every pixel outside the disk of square slices to `value`, in place. */
export function circularMask(slices: Float32Array, columns: number, ratio = maskRatioDefault, value = 0): void {
  if (!(ratio > 0)) throw new InputError('option', `mask ratio is ${ratio}; give a number > 0 (1 = the whole width).`);
  const pixels = columns * columns;
  for (let index = 0; index < slices.length; index++) {
    const inSlice = index % pixels;
    if (!isInsideDisk(Math.floor(inSlice / columns), inSlice % columns, columns, ratio)) slices[index] = value;
  }
}
