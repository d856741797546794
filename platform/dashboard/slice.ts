/** A reconstructed slice out of an event: 32-bit floats with their shape in a header, and the picture that they make. */

export interface Slice {
  readonly rows: number;
  readonly columns: number;
  /** As it is stored; the picture may have been shrunk. */
  readonly storedRows: number;
  readonly storedColumns: number;
  readonly values: Float32Array;
  /** Between which nearly all values lie: where a grey scale begins. */
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly most: number;
}

/** Of the values, what a grey scale leaves out at either end. */
const tail = 0.005;
const samplesMax = 20_000;

/** A text that says why where it is none. `shown` is the picture's size where the gateway has made one. */
export function parseSlice(
  base64: string,
  headers: Readonly<Record<string, string>>,
  shown: { readonly rows: number; readonly columns: number },
): Slice | string {
  const [storedRows = 0, storedColumns = 0] = (headers['Pilotfish-Shape'] ?? '').split(',').map(Number);
  if (headers['Pilotfish-Dtype'] !== 'f32' || !(storedRows > 0 && storedColumns > 0))
    return 'this event holds no slice of 32-bit floats';
  const { rows, columns } = shown;
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (bytes.length !== rows * columns * 4) return `a slice of ${rows} x ${columns} has ${bytes.length} bytes`;
  const values = new Float32Array(bytes.buffer);
  const step = Math.max(1, Math.floor(values.length / samplesMax));
  const sample = Float32Array.from(
    { length: Math.ceil(values.length / step) },
    (_, at) => values[at * step] ?? 0,
  ).sort();
  const at = (share: number) => sample[Math.min(sample.length - 1, Math.floor(sample.length * share))] ?? 0;
  return {
    rows,
    columns,
    storedRows,
    storedColumns,
    values,
    low: at(tail),
    high: at(1 - tail),
    least: at(0),
    most: at(1),
  };
}

/** Greys from black at `low` to white at `high`. */
export function drawSlice(
  canvas: HTMLCanvasElement,
  { rows, columns, values }: Slice,
  low: number,
  high: number,
): void {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  const picture = context.createImageData(columns, rows);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let at = 0; at < values.length; at++) {
    const grey = ((values[at] ?? 0) - low) * scale;
    picture.data[4 * at] = grey;
    picture.data[4 * at + 1] = grey;
    picture.data[4 * at + 2] = grey;
    picture.data[4 * at + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}
