// File formats of light-source users: npy.ts (NumPy arrays), png.ts (pictures), hdf5.ts (Data Exchange scans; hdf5-filters.ts refuses what
// would be read wrongly).
export { FormatError, type FormatErrorCode } from './errors.ts';
export { type DataExchangeScan, type FrameStack, type FrameValues, openDataExchange } from './hdf5.ts';
export { assertReadableFilters, type Hdf5Filter } from './hdf5-filters.ts';
export { decodeNpy, encodeNpy, type NpyArray, type NpyValues } from './npy.ts';
export { encodePng, type PngOptions, type PngWindow } from './png.ts';
