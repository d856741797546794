// Points as they travel: f32 or f64 binary (points, dimensions), text with one point a line, or a NumPy array. What is no batch of points is refused.
import { FormatError } from '../formats/errors.ts';
import { decodeNpy, isNpy } from '../formats/npy.ts';

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

/** Throws `PointsError`. */
export function parsePoints(data: Uint8Array, read: (header: string) => string | undefined): PointBatch {
  const batch = isNpy(data) ? parseArray(data) : parseTyped(data, read);
  const { points, dimensions } = batch;
  const bad = points.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return batch;
  throw new PointsError(`point ${Math.floor(bad / dimensions)} has the coordinate ${points[bad]}; all must be finite`);
}

function parseArray(data: Uint8Array): PointBatch {
  try {
    const { shape, values } = decodeNpy(data, 'the array of points');
    const [count = 0, dimensions = 0] = shape;
    if (shape.length !== 2 || count < 1 || dimensions < 1 || dimensions > dimensionsMax)
      throw new PointsError(`the array has the shape (${shape.join(', ')}); points are (points, dimensions)`);
    return { points: values instanceof Float32Array ? values : Float64Array.from(values), count, dimensions };
  } catch (error) {
    throw error instanceof FormatError ? new PointsError(error.message, { cause: error }) : error;
  }
}

function parseTyped(data: Uint8Array, read: (header: string) => string | undefined): PointBatch {
  const dtype = read('Pilotfish-Dtype') ?? 'f32';
  const shape = read('Pilotfish-Shape') ?? '';
  const match = /^(\d{1,8}),(\d{1,4})$/.exec(shape);
  const [count, dimensions] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || count < 1 || dimensions < 1 || dimensions > dimensionsMax) {
    throw new PointsError(`Pilotfish-Shape is "${shape}"; points,dimensions are expected, such as 5000,3`);
  }
  const points = dtype === 'text' ? parseText(data, count, dimensions) : parseBinary(data, dtype, count * dimensions);
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
