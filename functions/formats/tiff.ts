// A picture of f32 values as a TIFF file that ImageJ and libtiff read: one strip, no compression (TIFF 6.0, section 2; SampleFormat 3).
import { endianness } from 'node:os';
import { FormatError } from './errors.ts';

const headerBytes = 8;
/** TIFF counts bytes with 32 bits. */
const pixelsMax = 2 ** 29;

/** The file's bytes. `description` is stored as ASCII, what is not ASCII as "?". */
export function encodeTiff(
  values: Float32Array,
  {
    width,
    height,
    description = '',
  }: { readonly width: number; readonly height: number; readonly description?: string },
): Uint8Array {
  if (values.length !== width * height || values.length < 1 || values.length > pixelsMax) {
    throw new RangeError(`${values.length} values are not a picture of ${width} x ${height}.`);
  }
  if (endianness() !== 'LE')
    throw new FormatError('unsupported', 'TIFF files are written on little-endian machines only.');
  const text = Buffer.from(`${description.replace(/[^\x20-\x7e]/g, '?')}\0`, 'latin1');
  const textAt = headerBytes + values.byteLength;
  // Directories begin at even offsets.
  const directoryAt = textAt + text.length + (text.length % 2);
  // Tag, type (2 ASCII, 3 short, 4 long), count, value; in order of tags.
  const entries: readonly (readonly [number, number, number, number])[] = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 1, 32],
    [259, 3, 1, 1],
    [262, 3, 1, 1],
    [270, 2, text.length, text.length > 4 ? textAt : text.readUIntLE(0, text.length)],
    [273, 4, 1, headerBytes],
    [277, 3, 1, 1],
    [278, 4, 1, height],
    [279, 4, 1, values.byteLength],
    [339, 3, 1, 3],
  ];
  const file = Buffer.alloc(directoryAt + 2 + 12 * entries.length + 4);
  file.write('II', 0, 'latin1');
  file.writeUInt16LE(42, 2);
  file.writeUInt32LE(directoryAt, 4);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), headerBytes);
  file.set(text, textAt);
  file.writeUInt16LE(entries.length, directoryAt);
  for (const [at, [tag, type, count, value]] of entries.entries()) {
    const place = directoryAt + 2 + 12 * at;
    file.writeUInt16LE(tag, place);
    file.writeUInt16LE(type, place + 2);
    file.writeUInt32LE(count, place + 4);
    file.writeUInt32LE(value, place + 8);
  }
  return file;
}
