// The disk in which a parallel scan sees every point at every angle; outside it a picture means nothing.
import { InputError } from './errors.ts';
import type { GridShape } from './grid.ts';

export const maskRatioDefault = 0.95;

/** Tells whether the pixel's centre lies inside x^2 + y^2 < (ratio n / 2)^2, pixel centres at half-integers, n the smaller side. */
export function isInsideDisk(row: number, column: number, { rows, columns }: GridShape, ratio: number): boolean {
  const x = column + 0.5 - columns / 2;
  const y = row + 0.5 - rows / 2;
  return x * x + y * y < ((ratio * Math.min(rows, columns)) / 2) ** 2;
}

/** Sets every pixel outside the disk of each slice to `value`, in place. */
export function circularMask(slices: Float32Array, grid: GridShape, ratio = maskRatioDefault, value = 0): void {
  if (!(ratio > 0)) throw new InputError('option', `mask ratio is ${ratio}; give a number > 0 (1 = the whole width).`);
  const pixels = grid.rows * grid.columns;
  for (let index = 0; index < slices.length; index++) {
    const inSlice = index % pixels;
    const inside = isInsideDisk(Math.floor(inSlice / grid.columns), inSlice % grid.columns, grid, ratio);
    if (!inside) slices[index] = value;
  }
}
