// Ring removal in plain TypeScript, slice by slice: the second opinion on rings.as.ts.

/** A slice's sinogram, and the columns of the median. */
export interface RingShape {
  readonly angles: number;
  readonly columns: number;
  readonly width: number;
}

/** `lines` and `cleaned` are angles x columns. */
export function cleanPlain(lines: Float32Array, cleaned: Float32Array, shape: RingShape): void {
  const order = new Uint32Array(lines.length);
  const sorted = new Float32Array(lines.length);
  sortColumns(lines, shape, order, sorted);
  restore(cleaned, shape, order, sorted);
}

/** The median of a row's values around a column. At the ends the window is cut off. */
export function medianAt(row: Float32Array, column: number, half: number): number {
  const window = row.slice(Math.max(0, column - half), column + half + 1).sort();
  return window[window.length >> 1] as number;
}

/** Writes each column's values in rising order to `sorted`, and to `order` the angle that each came from. */
function sortColumns(
  lines: Float32Array,
  { angles, columns }: RingShape,
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

/** The median of each rank across columns, put back where the value was. */
function restore(
  cleaned: Float32Array,
  { angles, columns, width }: RingShape,
  order: Uint32Array,
  sorted: Float32Array,
): void {
  const half = (width - 1) / 2;
  for (let rank = 0; rank < angles; rank++) {
    const row = rank * columns;
    for (let column = 0; column < columns; column++) {
      const median = medianAt(sorted.subarray(row, row + columns), column, half);
      cleaned[(order[row + column] as number) * columns + column] = median;
    }
  }
}
