// A model as bytes: a line of JSON with its sizes, then centres and weights as f64.
import type { KMeansModel } from '../kernels/index.ts';

export interface StoredModel {
  readonly model: KMeansModel;
  readonly batches: number;
  /** Ids of the batches that moved it last, the newest first. */
  readonly recent: readonly string[];
}

interface Head {
  readonly k: number;
  readonly dimensions: number;
  readonly batches: number;
  readonly recent: readonly string[];
}

export function writeModel({ model, batches, recent }: StoredModel): Uint8Array {
  const { centres, weights, dimensions } = model;
  const head: Head = { k: weights.length, dimensions, batches, recent };
  const line = Buffer.from(`${JSON.stringify(head)}\n`);
  return Buffer.concat([line, bytesOf(centres), bytesOf(weights)]);
}

/** Throws where the bytes are no model. */
export function readModel(value: Uint8Array): StoredModel {
  const end = value.indexOf(0x0a);
  const { k, dimensions, batches, recent } = JSON.parse(Buffer.from(value.subarray(0, end)).toString('utf8')) as Head;
  const numbers = new Float64Array(new Uint8Array(value.subarray(end + 1)).buffer);
  if (numbers.length !== k * dimensions + k) throw new RangeError('the stored model has another size than it says');
  const centres = numbers.slice(0, k * dimensions);
  return { model: { centres, weights: numbers.slice(k * dimensions), dimensions }, batches, recent };
}

function bytesOf(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
