// The values of an npy file by their type ("descr"), and out of Fortran's order.
import { FormatError } from './errors.ts';

export type NpyValues =
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

interface ValueType {
  readonly size: 1 | 2 | 4 | 8;
  /** `buffer` is little-endian, and the caller's to keep. What no type of ours holds becomes the next larger one that does. */
  read(buffer: ArrayBuffer): NpyValues;
}

/** 64-bit integers above 2^53 lose their last digits, as they do in numpy's astype(float). */
const valueTypes: Readonly<Record<string, ValueType>> = {
  f2: { size: 2, read: (buffer) => Float32Array.from(new Float16Array(buffer)) },
  f4: { size: 4, read: (buffer) => new Float32Array(buffer) },
  f8: { size: 8, read: (buffer) => new Float64Array(buffer) },
  i1: { size: 1, read: (buffer) => Int32Array.from(new Int8Array(buffer)) },
  i2: { size: 2, read: (buffer) => Int32Array.from(new Int16Array(buffer)) },
  i4: { size: 4, read: (buffer) => new Int32Array(buffer) },
  i8: { size: 8, read: (buffer) => Float64Array.from(new BigInt64Array(buffer), Number) },
  u1: { size: 1, read: (buffer) => new Uint8Array(buffer) },
  u2: { size: 2, read: (buffer) => new Uint16Array(buffer) },
  u4: { size: 4, read: (buffer) => Float64Array.from(new Uint32Array(buffer)) },
  u8: { size: 8, read: (buffer) => Float64Array.from(new BigUint64Array(buffer), Number) },
  b1: { size: 1, read: (buffer) => new Uint8Array(buffer) },
};

/** Bytes a value, and how to read a copy of many. Throws `FormatError` for complex numbers, text, objects and structures. */
export function valueReader(descriptor: string, name: string): { size: number; read(bytes: Uint8Array): NpyValues } {
  const [, order, kind = ''] = /^([<>|=])(\w+)$/.exec(descriptor) ?? [];
  const type = Object.hasOwn(valueTypes, kind) ? valueTypes[kind] : undefined;
  if (type === undefined) {
    const known = Object.keys(valueTypes).join(', ');
    throw new FormatError(
      'unsupported',
      `${name} holds values of type '${descriptor}'; real numbers are read (${known}).`,
    );
  }
  const read = (bytes: Uint8Array): NpyValues => {
    // Not bytes.slice(): a Buffer's slice is a view into a shared pool.
    const copy = new Uint8Array(bytes);
    if (order === '>') swapBytes(copy, type.size);
    return type.read(copy.buffer);
  };
  return { size: type.size, read };
}

function swapBytes({ buffer }: Uint8Array<ArrayBuffer>, size: ValueType['size']): void {
  const bytes = Buffer.from(buffer);
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}

/** From the first index running fastest to the last one. */
export function toRowOrder(values: NpyValues, shape: readonly number[]): NpyValues {
  const ordered = values.slice();
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const place = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < ordered.length; to++) {
    ordered[to] = values[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis] as number;
      place[axis] = (place[axis] as number) + 1;
      if ((place[axis] as number) < (shape[axis] as number)) break;
      from -= (steps[axis] as number) * (shape[axis] as number);
      place[axis] = 0;
    }
  }
  return ordered;
}
