// File formats of light-source users: scan-file.ts (scans, whatever they lie in: hdf5.ts Data Exchange, nxtomo.ts NXtomo, tiff-stack.ts TIFF;
// hdf5-filters.ts refuses what would be read wrongly), npy.ts (NumPy arrays), png.ts, tiff.ts and zarr.ts (pictures and stacks to write).
export { FormatError, type FormatErrorCode } from './errors.ts';
export { openDataExchange } from './hdf5.ts';
export { assertReadableFilters, type Hdf5Filter } from './hdf5-filters.ts';
export { decodeNpy, decodeNpyArrays, encodeNpy, isNpy, type NpyArray, type NpyValues } from './npy.ts';
export { encodePng, type PngOptions, type PngWindow } from './png.ts';
export { openScanFile } from './scan-file.ts';
export type { FrameStack, FrameValues, ScanFile } from './scan-frames.ts';
export { encodeTiff } from './tiff.ts';
export { replaceFile, writeZarrSlice } from './zarr.ts';
