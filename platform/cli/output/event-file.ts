/** An event as a file: what its headers call an array is written as NumPy's npy, anything else as its bytes. Pure. */
import { dtypeHeader, shapeHeader } from '#claims';
import { encodeNpy } from '#formats';

const arrays = {
  u8: Uint8Array,
  u16: Uint16Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

export interface EventFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Named by the subject: `slices.fly.0` becomes slices.fly.0.npy. */
export function eventFile(subject: string, headers: Readonly<Record<string, string>>, payload: Uint8Array): EventFile {
  // A subject may hold anything but blanks; a file of that name must stay in its folder.
  const name = subject
    .replaceAll(/[^\w.-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 200);
  const array = npyOf(headers[dtypeHeader], headers[shapeHeader], payload);
  return array ? { name: `${name}.npy`, bytes: array } : { name, bytes: payload };
}

/** Undefined where the payload is not the array that its headers say. */
function npyOf(dtype = '', shapeText = '', payload: Uint8Array): Uint8Array | undefined {
  if (!isDtype(dtype) || !/^\d{1,9}(?:,\d{1,9}){0,31}$/.test(shapeText)) return undefined;
  const TypedArray = arrays[dtype];
  const shape = shapeText.split(',').map(Number);
  if (shape.reduce((product, side) => product * side, TypedArray.BYTES_PER_ELEMENT) !== payload.byteLength)
    return undefined;
  // A copy: a payload begins anywhere in its buffer, values do not.
  return encodeNpy({ shape, values: new TypedArray(Uint8Array.from(payload).buffer) });
}

function isDtype(dtype: string): dtype is keyof typeof arrays {
  return Object.hasOwn(arrays, dtype);
}
