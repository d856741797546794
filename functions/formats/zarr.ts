// A stack of slices as a Zarr v3 array in a folder: f32 (slices, rows, columns), one chunk a slice, bytes as they are. Several writers may fill
// one stack, in any order: each chunk is a file of its own, and the description grows with the highest slice that is there.
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ZarrStack {
  /** At least so many; more where higher slices are written. */
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** JSON that readers show with the array; the same from every writer. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Writes a slice, then the stack's description. */
export function writeZarrSlice(folder: string, stack: ZarrStack, slice: number, values: Float32Array): void {
  const chunk = join(folder, 'c', String(slice), '0');
  mkdirSync(chunk, { recursive: true });
  replaceFile(join(chunk, '0'), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  // Another writer may replace the description with a smaller one between our look at the slices and our own: whoever wrote it last looks
  // again, so that the last one counts every slice. Slices only become more, so it ends.
  for (let described = 0; ; ) {
    const slices = Math.max(stack.slices, ...readdirSync(join(folder, 'c')).map((name) => Number(name) + 1));
    if (slices <= described) return;
    replaceFile(join(folder, 'zarr.json'), description({ ...stack, slices }));
    described = slices;
  }
}

function description({ slices, rows, columns, attributes = {} }: ZarrStack): string {
  const array = {
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
  return `${JSON.stringify(array, null, 2)}\n`;
}

/** Whole or not at all: a reader never sees half of it, and a second writer of the same only repeats it. */
export function replaceFile(path: string, content: Uint8Array | string): void {
  const half = `${path}.${process.pid}.part`;
  writeFileSync(half, content);
  renameSync(half, path);
}
