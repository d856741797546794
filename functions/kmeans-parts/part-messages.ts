// Partial sums as they travel: k rows of f64, a row the sum of a centre's points and their number; the rest in headers. What is none is refused.
import type { BatchSums, PartialSums } from '../kernels/index.ts';

export const partHeaders = { id: 'Pilotfish-Of', version: 'Pilotfish-Model-Version', cost: 'Pilotfish-Cost' } as const;

/** Thrown for payloads that are no sums. Retrying cannot help. */
export class PartError extends Error {
  override readonly name = 'PartError';
}

export function writeSums({ sums, counts }: BatchSums): { readonly data: Float64Array; readonly shape: string } {
  const k = counts.length;
  const dimensions = sums.length / k;
  const data = new Float64Array(k * (dimensions + 1));
  for (let centre = 0; centre < k; centre++) {
    data.set(sums.subarray(centre * dimensions, (centre + 1) * dimensions), centre * (dimensions + 1));
    data[centre * (dimensions + 1) + dimensions] = counts[centre] as number;
  }
  return { data, shape: `${k},${dimensions + 1}` };
}

export function readPart(bytes: Uint8Array, headers: Readonly<Record<string, string>>): PartialSums {
  const [, rows, columns] = /^(\d{1,6}),(\d{1,6})$/.exec(headers['Pilotfish-Shape'] ?? '') ?? [];
  const [k, row] = [Number(rows), Number(columns)];
  if (!(k >= 1 && row >= 2) || bytes.byteLength !== 8 * k * row) {
    throw new PartError(`${bytes.byteLength} bytes of the shape "${headers['Pilotfish-Shape'] ?? ''}" are no sums`);
  }
  const id = headers[partHeaders.id] ?? '';
  const version = Number(headers[partHeaders.version]);
  if (id === '' || !Number.isSafeInteger(version) || version < 0) {
    throw new PartError(`sums need ${partHeaders.id} and ${partHeaders.version}, a whole number`);
  }
  const values = new Float64Array(Uint8Array.from(bytes).buffer);
  if (!values.every(Number.isFinite)) throw new PartError(`the sums of "${id}" are not finite`);
  const sums = new Float64Array(k * (row - 1));
  const counts = new Float64Array(k);
  for (let centre = 0; centre < k; centre++) {
    sums.set(values.subarray(centre * row, (centre + 1) * row - 1), centre * (row - 1));
    counts[centre] = values[(centre + 1) * row - 1] as number;
  }
  if (counts.some((count) => count < 0)) throw new PartError(`the sums of "${id}" count fewer than no points`);
  return { id, version, sums, counts, cost: Number(headers[partHeaders.cost]) };
}
