// A model as bytes: a line of JSON with its sizes and what is kept beside it, then centres and weights as f64.
import type { KMeansModel } from '../kernels/index.ts';

/** What the function `kmeans` keeps. */
export interface StoredModel {
  readonly model: KMeansModel;
  readonly batches: number;
  /** Ids of the batches that moved it last, the newest first. */
  readonly recent: readonly string[];
}

export function writeModel<Stored extends { readonly model: KMeansModel }>({ model, ...rest }: Stored): Uint8Array {
  const { centres, weights, dimensions } = model;
  const line = Buffer.from(`${JSON.stringify({ k: weights.length, dimensions, ...rest })}\n`);
  return Buffer.concat([line, bytesOf(centres), bytesOf(weights)]);
}

/** Throws where the bytes are no model. */
export function readModel<Stored extends { readonly model: KMeansModel }>(value: Uint8Array): Stored {
  const end = value.indexOf(0x0a);
  const { k, dimensions, ...rest } = JSON.parse(Buffer.from(value.subarray(0, end)).toString('utf8'));
  const numbers = new Float64Array(Uint8Array.from(value.subarray(end + 1)).buffer);
  if (numbers.length !== k * (dimensions + 1)) throw new RangeError('the stored model has another size than it says');
  const model = { centres: numbers.slice(0, k * dimensions), weights: numbers.slice(k * dimensions), dimensions };
  return { model, ...rest };
}

function bytesOf(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
