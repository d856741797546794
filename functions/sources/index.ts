// Sources of scans: frame.ts (what a frame is), frame-headers.ts (its message headers), phantom-scan.ts and hdf5-scan.ts (where frames come
// from), pacer.ts (how fast they go out). No platform code: whoever publishes them brings the connection.
export {
  bytesPerValue,
  type EndFrame,
  type Frame,
  type FrameCounts,
  type FrameDtype,
  type FrameKind,
  frameKinds,
  frameValues,
  type ImageFrame,
  rowChunk,
  type ScanMetadata,
  type ScanSource,
} from './frame.ts';
export {
  dtypeHeader,
  expectHeader,
  FrameHeaderError,
  type FrameHeaders,
  frameHeaders,
  parseFrameHeaders,
  partHeader,
  shapeHeader,
  thetaHeader,
} from './frame-headers.ts';
export { hdf5Scan } from './hdf5-scan.ts';
export { createPacer, type Pacer, type PacerClock } from './pacer.ts';
export { type PhantomScan, type PhantomScanOptions, phantomScan } from './phantom-scan.ts';
export { type OutgoingFrame, type ReplayOptions, type ReplayReport, replayScans } from './replay.ts';
