// Sources. Scans: frame.ts (what a frame is), frame-headers.ts (its message headers), sinogram.ts (rows over all angles), phantom-scan.ts and
// file-scan.ts (where they come from), replay.ts. Mini-app sources: source.ts (what a source is), synthetic.ts, kmeans-points.ts, lightsource.ts,
// built-in.ts (by name), settings.ts, rates.ts and pacer.ts (when), faults.ts (what goes wrong on purpose), produce.ts (one producer), tally.ts
// (what it did). No platform code: whoever publishes brings the connection.
export { scanOrder } from './angle-order.ts';
export { builtInSources, readSource } from './built-in.ts';
export { type Fault, type FaultOptions, faultAt, noFaults, parseShare } from './faults.ts';
export { fileScan } from './file-scan.ts';
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
  scanFrames,
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
export { createPacer, type Pacer, type PacerClock } from './pacer.ts';
export { type PhantomScan, type PhantomScanOptions, phantomScan } from './phantom-scan.ts';
export {
  type MessageSink,
  type ProduceOptions,
  produce,
  producerHeader,
  sentAtHeader,
  sequenceHeader,
} from './produce.ts';
export type { ProducerCall } from './producer-function.ts';
export { dueTimes, parseRate, type RateProfile, rateForms } from './rates.ts';
export { frameCount, type OutgoingFrame, type ReplayOptions, type ReplayReport, replayScans } from './replay.ts';
export { resolveSettings, SourceError } from './settings.ts';
export { parseSinogramHeaders, type SinogramHeaders, thetasHeader } from './sinogram-headers.ts';
export type {
  OpenSource,
  Source,
  SourceContext,
  SourceMessage,
  SourceSetting,
  SourceSettings,
} from './source.ts';
export { mergeReports, type ProducerReport, type SourceReport } from './tally.ts';
