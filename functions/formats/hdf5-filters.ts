// The filters a dataset may have been written with. h5wasm returns wrong data WITHOUT AN ERROR for filters it lacks (the
// compressed bytes, or what lay in memory), so a dataset's pipeline is checked before its first value is read.
import { FormatError } from './errors.ts';

/** A filter as the file names it. */
export interface Hdf5Filter {
  readonly id: number;
  readonly name: string;
}

/** What the HDF5 build inside h5wasm decodes (tried with real files): deflate, shuffle, fletcher32, szip. */
const readable = new Set([1, 2, 3, 4]);

/** Names of the filters that detectors and beamlines use, from the HDF Group's register; the file's own name may be a URL. */
const registered: Readonly<Record<number, string>> = {
  5: 'nbit',
  6: 'scaleoffset',
  305: 'lzo',
  307: 'bzip2',
  32000: 'lzf',
  32001: 'blosc',
  32004: 'lz4',
  32008: 'bitshuffle',
  32013: 'zfp',
  32015: 'zstd',
  32017: 'sz',
  32023: 'jpeg',
  32026: 'blosc2',
};

/** Throws `FormatError` (code `filter`) naming the first filter of `dataset` that cannot be decoded here. */
export function assertReadableFilters(filters: readonly Hdf5Filter[], dataset: string, file: string): void {
  const unknown = filters.find(({ id }) => !readable.has(id));
  if (unknown === undefined) return;
  const name = registered[unknown.id] ?? (unknown.name === '' ? 'unnamed' : unknown.name);
  throw new FormatError(
    'filter',
    `${dataset} in ${file} is compressed with the HDF5 filter ${name} (id ${unknown.id}), which cannot be decoded here. ` +
      'Rewrite it without that filter, for example with: h5repack -f GZIP=4 IN.h5 OUT.h5',
  );
}
