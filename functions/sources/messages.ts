// What functions need to know of messages that sources send, without the sources: a function must not bundle the library that reads HDF5.
export { type Frame, type FrameDtype, frameValues } from './frame.ts';
export { FrameHeaderError, type FrameHeaders, parseFrameHeaders } from './frame-headers.ts';
export { firstRowHeader, firstRowOf, parseSinogramHeaders, type SinogramHeaders } from './sinogram-headers.ts';
