// NumPy's npy format, version 1.0 (numpy.org, "NEP 1"): magic, header length, a Python dictionary, then the values.
// Read and written: little-endian f4, f8, i4, u2, u1 in C order, any shape. Everything else is refused by its name.
import { endianness } from 'node:os';
import { FormatError } from './errors.ts';

export type NpyValues =
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: NpyValues;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0] as const;
/** Values start at a multiple of this, so that a reader may map them. */
const alignment = 64;
const headerStart = 10;

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
  assertLittleEndian();
  const { dictionary, dataStart } = readHeader(bytes, name);
  const descriptor = matchOf(dictionary, /'descr':\s*'([^']*)'/, name, 'descr');
  const fortran = matchOf(dictionary, /'fortran_order':\s*(True|False)/, name, 'fortran_order');
  const tuple = matchOf(dictionary, /'shape':\s*\(([\d,\sL]*)\)/, name, 'shape');
  if (fortran === 'True') {
    throw new FormatError('unsupported', `${name} is in Fortran order; save it with numpy.ascontiguousarray.`);
  }
  const shape = tuple
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  const count = countOf(shape);
  if (!Number.isSafeInteger(count) || shape.some((size) => !Number.isSafeInteger(size))) {
    throw new FormatError('shape', `${name} has the impossible shape (${tuple}).`);
  }
  const size = bytesPerValue(descriptor, name);
  if (bytes.length - dataStart !== count * size) {
    const code = bytes.length - dataStart < count * size ? 'truncated' : 'shape';
    throw new FormatError(
      code,
      `${name} has ${bytes.length - dataStart} bytes of values; its shape (${tuple}) needs ${count * size}.`,
    );
  }
  // Not bytes.slice(): a Buffer's slice is a view into a shared pool.
  const { buffer } = new Uint8Array(bytes.subarray(dataStart));
  return { shape, values: valuesOf(descriptor, buffer) };
}

function readHeader(bytes: Uint8Array, name: string): { readonly dictionary: string; readonly dataStart: number } {
  if (bytes.length < headerStart || magic.slice(0, 6).some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError('not-this-format', `${name} is not an npy file (it does not begin with \\x93NUMPY).`);
  }
  if (bytes[6] !== 1 || bytes[7] !== 0) {
    throw new FormatError('unsupported', `${name} is npy version ${bytes[6]}.${bytes[7]}; only version 1.0 is read.`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint16(magic.length, true);
  const dataStart = headerStart + length;
  if (dataStart > bytes.length) throw new FormatError('truncated', `${name} ends within its header.`);
  return { dictionary: new TextDecoder('latin1').decode(bytes.subarray(headerStart, dataStart)), dataStart };
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

function bytesPerValue(descriptor: string, name: string): number {
  switch (descriptor) {
    case '<f4':
    case '<i4':
      return 4;
    case '<f8':
      return 8;
    case '<u2':
      return 2;
    case '|u1':
      return 1;
    default:
      throw new FormatError(
        'unsupported',
        `${name} holds values of type '${descriptor}'; only <f4, <f8, <i4, <u2 and |u1 are read.`,
      );
  }
}

function valuesOf(descriptor: string, buffer: ArrayBuffer): NpyValues {
  switch (descriptor) {
    case '<f4':
      return new Float32Array(buffer);
    case '<f8':
      return new Float64Array(buffer);
    case '<i4':
      return new Int32Array(buffer);
    case '<u2':
      return new Uint16Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
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
