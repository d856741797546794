// Rings in a slice are stripes in its sinogram: detector columns that always say too much or too little. Vo's sorting method (Vo et al. 2018,
// "Superior techniques for eliminating ring artifacts in X-ray micro-tomography", algorithm 3): each column's values are sorted, so that a stripe
// becomes an offset along its whole length; a median across neighbouring columns takes it out; the values go back to where they were.
import { InputError } from '../scan/errors.ts';
import type { Scan } from '../scan/scan.ts';

/** Columns of the median; wider than the widest stripe by a factor of two. */
export const ringWidthDefault = 21;
const ringWidthMax = 501;

/** A new sinogram (slices x angles x columns) without stripes. `width` is odd. Throws `InputError`. */
export function removeRings(
  { sinogram, slices, angles, columns }: Omit<Scan, 'theta'>,
  width = ringWidthDefault,
): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(width) || width < 1 || width > ringWidthMax || width % 2 === 0) {
    throw new InputError(
      'option',
      `the width of rings is ${width}; give an odd number of columns up to ${ringWidthMax}.`,
    );
  }
  const cleaned = new Float32Array(sinogram.length);
  const order = new Uint32Array(angles * columns);
  const sorted = new Float32Array(angles * columns);
  for (let slice = 0; slice < slices; slice++) {
    const at = slice * angles * columns;
    const lines = sinogram.subarray(at, at + angles * columns);
    sortColumns(lines, { angles, columns }, order, sorted);
    restore(cleaned.subarray(at, at + angles * columns), { angles, columns, width }, order, sorted);
  }
  return cleaned;
}

/** Writes each column's values in rising order to `sorted`, and to `order` the angle that each came from. */
function sortColumns(
  lines: Float32Array,
  { angles, columns }: { readonly angles: number; readonly columns: number },
  order: Uint32Array,
  sorted: Float32Array,
): void {
  const indexes = new Uint32Array(angles);
  for (let column = 0; column < columns; column++) {
    for (let angle = 0; angle < angles; angle++) indexes[angle] = angle;
    indexes.sort((a, b) => (lines[a * columns + column] as number) - (lines[b * columns + column] as number));
    for (let rank = 0; rank < angles; rank++) {
      const angle = indexes[rank] as number;
      order[rank * columns + column] = angle;
      sorted[rank * columns + column] = lines[angle * columns + column] as number;
    }
  }
}

/** The median of each rank across columns, put back where the value was. At the ends the window is cut off. */
function restore(
  cleaned: Float32Array,
  { angles, columns, width }: { readonly angles: number; readonly columns: number; readonly width: number },
  order: Uint32Array,
  sorted: Float32Array,
): void {
  const half = (width - 1) / 2;
  for (let rank = 0; rank < angles; rank++) {
    const row = rank * columns;
    for (let column = 0; column < columns; column++) {
      const [from, to] = [Math.max(0, column - half), Math.min(columns - 1, column + half)];
      const window = sorted.slice(row + from, row + to + 1).sort();
      const median = window[window.length >> 1] as number;
      cleaned[(order[row + column] as number) * columns + column] = median;
    }
  }
}
