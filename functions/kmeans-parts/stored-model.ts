// The shared model as bytes: a line of JSON with what it was made of, then centres and weights as f64.
import type { SharedModel } from '../kernels/index.ts';

type Head = Omit<SharedModel, 'model'> & { readonly k: number; readonly dimensions: number };

export function writeShared({ model, ...rest }: SharedModel): Uint8Array {
  const head: Head = { k: model.weights.length, dimensions: model.dimensions, ...rest };
  return Buffer.concat([
    Buffer.from(`${JSON.stringify(head)}\n`),
    new Uint8Array(Float64Array.of(...model.centres, ...model.weights).buffer),
  ]);
}

/** Throws where the bytes are no model. */
export function readShared(value: Uint8Array): SharedModel {
  const end = value.indexOf(0x0a);
  const { k, dimensions, ...rest } = JSON.parse(Buffer.from(value.subarray(0, end)).toString('utf8')) as Head;
  const numbers = new Float64Array(Uint8Array.from(value.subarray(end + 1)).buffer);
  if (numbers.length !== k * (dimensions + 1)) throw new RangeError('the stored model has another size than it says');
  return {
    model: { centres: numbers.slice(0, k * dimensions), weights: numbers.slice(k * dimensions), dimensions },
    ...rest,
  };
}
