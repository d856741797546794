// A stack of slices as a Zarr v3 array in a folder: f32 (slices, rows, columns), one chunk a slice, bytes as they are. Several writers may fill
// one stack: each chunk is a file of its own, and the description is the same from all of them.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ZarrStack {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** JSON that readers show with the array. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Writes the description; harmless where it is there. */
export function createZarr(folder: string, { slices, rows, columns, attributes = {} }: ZarrStack): void {
  mkdirSync(folder, { recursive: true });
  const description = {
    zarr_format: 3,
    node_type: 'array',
    shape: [slices, rows, columns],
    data_type: 'float32',
    chunk_grid: { name: 'regular', configuration: { chunk_shape: [1, rows, columns] } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: 'NaN',
    codecs: [{ name: 'bytes', configuration: { endian: 'little' } }],
    dimension_names: ['z', 'y', 'x'],
    attributes,
  };
  replaceFile(join(folder, 'zarr.json'), `${JSON.stringify(description, null, 2)}\n`);
}

export function writeZarrSlice(folder: string, slice: number, values: Float32Array): void {
  const chunk = join(folder, 'c', String(slice), '0');
  mkdirSync(chunk, { recursive: true });
  replaceFile(join(chunk, '0'), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** Whole or not at all: a reader never sees half of it, and a second writer of the same only repeats it. */
export function replaceFile(path: string, content: Uint8Array | string): void {
  const half = `${path}.${process.pid}.part`;
  writeFileSync(half, content);
  renameSync(half, path);
}
