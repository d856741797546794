/** Reads a Zarr v3 array as its specification says, for what our own functions write: every word of the description is looked at. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ZarrArray {
  readonly shape: readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Values of the chunk at `place`, one index a dimension; undefined where it was never written. */
  chunk(...place: number[]): Float32Array | undefined;
}

export function openZarr(folder: string): ZarrArray {
  const about = JSON.parse(readFileSync(join(folder, 'zarr.json'), 'utf8'));
  const isKnown =
    about.zarr_format === 3 &&
    about.node_type === 'array' &&
    about.data_type === 'float32' &&
    about.chunk_grid.name === 'regular' &&
    about.chunk_key_encoding.name === 'default' &&
    JSON.stringify(about.codecs) === '[{"name":"bytes","configuration":{"endian":"little"}}]';
  if (!isKnown) throw new Error(`this reader knows no such array: ${JSON.stringify(about)}`);
  const { shape, attributes, chunk_grid: grid, chunk_key_encoding: keys } = about;
  const values = (grid.configuration.chunk_shape as number[]).reduce((product, side) => product * side, 1);
  return {
    shape,
    attributes,
    chunk: (...place) => {
      if (!shape.every((side: number, at: number) => (place[at] ?? 0) * grid.configuration.chunk_shape[at] < side))
        throw new RangeError(`chunk ${place} lies outside of ${shape}`);
      let bytes: Buffer;
      try {
        bytes = readFileSync(join(folder, ['c', ...place].join(keys.configuration.separator)));
      } catch {
        return undefined;
      }
      if (bytes.byteLength !== 4 * values) throw new Error(`chunk ${place} has ${bytes.byteLength} bytes`);
      return Float32Array.from({ length: values }, (_, at) => bytes.readFloatLE(4 * at));
    },
  };
}
