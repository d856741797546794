/** What an agent and an instance say to each other over one inherited socket; see frame.ts for the layout. */

export type { LineCall, LineHello, LineOutcome } from './call-line.ts';
export {
  bodyFileBytesMin,
  type CodeCacheUse,
  callForms,
  callPacked,
  callStreamed,
  codeCacheDigestBytes,
  codeCacheUses,
  type Frame,
  type FrameType,
  frameBytesMax,
  frameHeaderBytesMax,
  framePrefixBytes,
  frameTypes,
  hostExitWithoutAgent,
  leftFileName,
  resultFileName,
  resultForms,
  resultInFile,
  runToldMs,
} from './frame.ts';
export { FrameReader } from './frame-reader.ts';
export { FrameWriter } from './frame-writer.ts';
export { readGrowing, writeGrowing } from './growing-file.ts';
export type {
  CallHeader,
  ClaimedHeader,
  ErrorHeader,
  FunctionKind,
  GatheredPart,
  HelloHeader,
  LoadHeader,
  LogHeader,
  OutputHeader,
  PackedResultHeader,
  PartHeader,
  PartsEndHeader,
  PublishedHeader,
  PublishHeader,
  ResultFileHeader,
  RunHeader,
  SpoolHeader,
  StateAnswerHeader,
  StateHeader,
} from './headers.ts';
export { readJson } from './headers.ts';
export { readBody, readInto } from './read-body.ts';
export {
  readErrorHeader,
  readLogHeader,
  readMetricSamples,
  readOutputHeaders,
  readPublishHeader,
  readRunHeader,
  readStateHeader,
} from './read-headers.ts';
