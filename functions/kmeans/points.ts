// Points as they travel: f32 or f64 binary (points, dimensions), or text with one point a line. What is no batch of points is refused.
export interface PointBatch {
  readonly points: Float32Array | Float64Array;
  readonly count: number;
  readonly dimensions: number;
}

/** Thrown for payloads that are no points. Retrying cannot help. */
export class PointsError extends Error {
  override readonly name = 'PointsError';
}

const dimensionsMax = 4_096;

export function parsePoints(data: Uint8Array, read: (header: string) => string | undefined): PointBatch {
  const dtype = read('Pilotfish-Dtype') ?? 'f32';
  const shape = read('Pilotfish-Shape') ?? '';
  const match = /^(\d{1,8}),(\d{1,4})$/.exec(shape);
  const [count, dimensions] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || count < 1 || dimensions < 1 || dimensions > dimensionsMax) {
    throw new PointsError(`Pilotfish-Shape is "${shape}"; points,dimensions are expected, such as 5000,3`);
  }
  const points = dtype === 'text' ? parseText(data, count, dimensions) : parseBinary(data, dtype, count * dimensions);
  const bad = points.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new PointsError(
      `point ${Math.floor(bad / dimensions)} has the coordinate ${points[bad]}; all must be finite`,
    );
  }
  return { points, count, dimensions };
}

function parseBinary(data: Uint8Array, dtype: string, values: number): Float32Array | Float64Array {
  if (dtype !== 'f32' && dtype !== 'f64')
    throw new PointsError(`Pilotfish-Dtype is "${dtype}"; f32, f64 or text is expected`);
  const size = dtype === 'f32' ? 4 : 8;
  if (data.byteLength !== values * size) {
    throw new PointsError(`the payload has ${data.byteLength} bytes; its shape in ${dtype} needs ${values * size}`);
  }
  const { buffer, byteOffset } = data.byteOffset % size === 0 ? data : new Uint8Array(data);
  return dtype === 'f32' ? new Float32Array(buffer, byteOffset, values) : new Float64Array(buffer, byteOffset, values);
}

function parseText(data: Uint8Array, count: number, dimensions: number): Float64Array {
  const words = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1').split(/\s+/);
  if (words.at(-1) === '') words.pop();
  if (words.length !== count * dimensions) {
    throw new PointsError(`the text has ${words.length} numbers; its shape needs ${count * dimensions}`);
  }
  return Float64Array.from(words, (word) => (word === '' ? Number.NaN : Number(word)));
}
