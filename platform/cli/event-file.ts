/** An event as a file: what its headers call an array is written as NumPy's npy, anything else as its bytes. Pure. */
import { dtypeHeader, shapeHeader } from '#claims';

const descriptors = new Map([
  ['u8', { name: '|u1', size: 1 }],
  ['u16', { name: '<u2', size: 2 }],
  ['i32', { name: '<i4', size: 4 }],
  ['f32', { name: '<f4', size: 4 }],
  ['f64', { name: '<f8', size: 8 }],
]);
/** Values start at a multiple of this, so that a reader may map them. */
const alignment = 64;
const prefixBytes = 10;

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
  const header = npyHeader(headers[dtypeHeader], headers[shapeHeader], payload.byteLength);
  return header ? { name: `${name}.npy`, bytes: Buffer.concat([header, payload]) } : { name, bytes: payload };
}

/** Undefined where the payload is not the array that its headers say. */
function npyHeader(dtype = '', shape = '', byteLength: number): Buffer | undefined {
  const descriptor = descriptors.get(dtype);
  if (!descriptor || !/^\d{1,9}(?:,\d{1,9}){0,31}$/.test(shape)) return undefined;
  const sides = shape.split(',').map(Number);
  if (sides.reduce((product, side) => product * side, descriptor.size) !== byteLength) return undefined;
  const tuple = sides.length === 1 ? `(${sides[0]},)` : `(${sides.join(', ')})`;
  const text = `{'descr': '${descriptor.name}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((prefixBytes + text.length + 1) / alignment) * alignment - prefixBytes;
  const prefix = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  return Buffer.concat([prefix, Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1')]);
}
