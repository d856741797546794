/** An array of floats as a picture that fits a page: the mean of each block, so that nothing thin is skipped. Pure. */

/** Of two sides, 32-bit floats, little-endian. */
export interface FloatArray {
  readonly bytes: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

/** Undefined where the bytes are not those of such an array. */
export function floatArrayOf(
  bytes: Uint8Array,
  { dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] },
): FloatArray | undefined {
  const [rows = 0, columns = 0, ...more] = shape;
  if (dtype !== 'f32' || more.length > 0 || rows * columns === 0 || bytes.length !== rows * columns * 4)
    return undefined;
  return { bytes, rows, columns };
}

/** No side longer than `side`; the array itself where it fits. */
export function shrink({ bytes, rows, columns }: FloatArray, side: number): FloatArray {
  const factor = Math.ceil(Math.max(rows, columns) / side);
  if (factor <= 1) return { bytes, rows, columns };
  const values = floatsOf(bytes);
  const [shownRows, shownColumns] = [Math.ceil(rows / factor), Math.ceil(columns / factor)];
  const shown = new Float32Array(shownRows * shownColumns);
  const counts = new Uint32Array(shownColumns);
  for (let row = 0; row < shownRows; row++) {
    const into = shown.subarray(row * shownColumns, (row + 1) * shownColumns);
    counts.fill(0);
    for (let from = row * factor; from < Math.min(rows, (row + 1) * factor); from++)
      addRow(into, counts, values.subarray(from * columns, (from + 1) * columns), factor);
    for (const [column, count] of counts.entries()) into[column] = (into[column] ?? 0) / count;
  }
  return { bytes: new Uint8Array(shown.buffer), rows: shownRows, columns: shownColumns };
}

// biome-ignore lint/complexity/useMaxParams: once a row of a large array.
function addRow(into: Float32Array, counts: Uint32Array, values: Float32Array, factor: number): void {
  for (let column = 0; column < values.length; column++) {
    const at = (column / factor) | 0;
    into[at] = (into[at] ?? 0) + (values[column] ?? 0);
    counts[at] = (counts[at] ?? 0) + 1;
  }
}

function floatsOf(bytes: Uint8Array): Float32Array {
  // A message's data may begin anywhere in its buffer.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, bytes.length / 4);
}
