// NumPy's npy format (numpy.org, "NEP 1"): magic, version, header length, a Python dictionary, then the values.
// Read: versions 1 to 3, real numbers and booleans in either byte order, C and Fortran order, any shape. Written: version 1.0, little-endian, C order.
import { endianness } from 'node:os';
import { FormatError } from './errors.ts';
import { type NpyValues, toRowOrder, valueReader } from './npy-values.ts';

export type { NpyValues };

export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: NpyValues;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0] as const;
/** Values start at a multiple of this, so that a reader may map them. */
const alignment = 64;
const headerStart = 10;
/** From version 2.0 on the header's length has four bytes. */
const longHeaderStart = 12;
const versionMax = 3;

/** The file's bytes. Throws `RangeError` when shape and values disagree. */
export function encodeNpy({
  shape,
  values,
}: {
  readonly shape: readonly number[];
  readonly values: NpyValues;
}): Uint8Array<ArrayBuffer> {
  const count = countOf(shape);
  if (count !== values.length)
    throw new RangeError(`shape (${shape.join(', ')}) holds ${count} values, but there are ${values.length}.`);
  assertLittleEndian();
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${descriptorOf(values)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const dataStart = Math.ceil((headerStart + dictionary.length + 1) / alignment) * alignment;
  const bytes = new Uint8Array(dataStart + values.byteLength);
  bytes.set(magic);
  new DataView(bytes.buffer).setUint16(magic.length, dataStart - headerStart, true);
  bytes.set(new TextEncoder().encode(`${dictionary.padEnd(dataStart - headerStart - 1)}\n`), headerStart);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), dataStart);
  return bytes;
}

/** Reads an array; the values are a copy. `name` is what messages call the file. Throws `FormatError`. */
export function decodeNpy(bytes: Uint8Array, name = 'npy data'): NpyArray {
  const { array, size } = decodeFirst(bytes, name);
  if (size === bytes.length) return array;
  const more = `${name} has ${bytes.length - size} bytes more than its shape (${array.shape.join(', ')}) needs.`;
  throw new FormatError('shape', more);
}

/** Arrays one after the other, as `np.save` writes them into one open file and `cat` joins them. Throws `FormatError`. */
export function decodeNpyArrays(bytes: Uint8Array, name = 'npy data', arraysMax = 16): NpyArray[] {
  const arrays: NpyArray[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (arrays.length === arraysMax) throw new FormatError('shape', `${name} holds more than ${arraysMax} arrays.`);
    const { array, size } = decodeFirst(bytes.subarray(at), at === 0 ? name : `array ${arrays.length + 1} of ${name}`);
    arrays.push(array);
    at += size;
  }
  return arrays;
}

/** Whether the bytes begin as an npy file does. */
export function isNpy(bytes: Uint8Array): boolean {
  return bytes.length >= headerStart && magic.slice(0, 6).every((byte, i) => bytes[i] === byte);
}

/** The array that the bytes begin with, and how many of them it takes. */
function decodeFirst(bytes: Uint8Array, name: string): { readonly array: NpyArray; readonly size: number } {
  assertLittleEndian();
  const { dictionary, dataStart } = readHeader(bytes, name);
  const descriptor = matchOf(dictionary, /'descr':\s*'([^']*)'/, name, 'descr');
  const fortran = matchOf(dictionary, /'fortran_order':\s*(True|False)/, name, 'fortran_order');
  const tuple = matchOf(dictionary, /'shape':\s*\(([\d,\sL]*)\)/, name, 'shape');
  const shape = shapeOf(tuple);
  const count = countOf(shape);
  if (!Number.isSafeInteger(count) || shape.some((size) => !Number.isSafeInteger(size))) {
    throw new FormatError('shape', `${name} has the impossible shape (${tuple}).`);
  }
  const { size, read } = valueReader(descriptor, name);
  const end = dataStart + count * size;
  if (end > bytes.length) {
    const there = `${name} has ${bytes.length - dataStart} bytes of values`;
    throw new FormatError('truncated', `${there}; its shape (${tuple}) needs ${count * size}.`);
  }
  const values = read(bytes.subarray(dataStart, end));
  return { array: { shape, values: fortran === 'True' ? toRowOrder(values, shape) : values }, size: end };
}

function shapeOf(tuple: string): number[] {
  return (
    tuple
      .split(',')
      // Python 2 wrote 3L.
      .map((part) => part.trim().replace(/L$/, ''))
      .filter((part) => part !== '')
      .map(Number)
  );
}

function readHeader(bytes: Uint8Array, name: string): { readonly dictionary: string; readonly dataStart: number } {
  if (!isNpy(bytes)) {
    throw new FormatError('not-this-format', `${name} is not an npy file (it does not begin with \\x93NUMPY).`);
  }
  const version = bytes[6] as number;
  if (version < 1 || version > versionMax) {
    const known = `versions 1 to ${versionMax} are read`;
    throw new FormatError('unsupported', `${name} is npy version ${version}.${bytes[7]}; ${known}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isShort = version === 1;
  if (!isShort && bytes.length < longHeaderStart) throw new FormatError('truncated', `${name} ends within its header.`);
  const length = isShort ? view.getUint16(magic.length, true) : view.getUint32(magic.length, true);
  const start = isShort ? headerStart : longHeaderStart;
  const dataStart = start + length;
  if (dataStart > bytes.length) throw new FormatError('truncated', `${name} ends within its header.`);
  return { dictionary: new TextDecoder('latin1').decode(bytes.subarray(start, dataStart)), dataStart };
}

function matchOf(dictionary: string, pattern: RegExp, name: string, key: string): string {
  const found = pattern.exec(dictionary)?.[1];
  if (found === undefined)
    throw new FormatError(
      'unsupported',
      `${name} has no readable '${key}' in its header (structured arrays are not read).`,
    );
  return found;
}

function descriptorOf(values: NpyValues): string {
  if (values instanceof Float32Array) return '<f4';
  if (values instanceof Float64Array) return '<f8';
  if (values instanceof Int32Array) return '<i4';
  return values instanceof Uint16Array ? '<u2' : '|u1';
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Typed arrays have the machine's byte order; every platform Node runs on here is little-endian. */
function assertLittleEndian(): void {
  if (endianness() !== 'LE')
    throw new FormatError('unsupported', 'npy files are read and written on little-endian machines only.');
}
