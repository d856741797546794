/** Gathers: rules, the fold of parts into keys, and the event of a closed key. All of it pure. */
export {
  decodeGatherEvent,
  encodeGatherEvent,
  expandMissing,
  type GatherEvent,
  type GatherSummary,
  gatherHeaderPairs,
  gatherHeaders,
  parseGatherHeaders,
} from './gather-event.ts';
export { type FoldCounts, type FoldEffect, GatherFold, type StoredPart, type StreamFold } from './gather-fold.ts';
export { compileGather, type GatherRules } from './gather-rules.ts';
export { openKeysMax, partsPerKeyMax } from './limits.ts';
export type { ClosedKey, CloseReason, OpenedKey, OpenKeyState } from './open-key.ts';
export { decodeOpenedEvent, encodeOpenedEvent, openedHeaderPairs } from './opened-event.ts';
export { expectHeader, type PartMark, parsePartMark, partHeader } from './part-header.ts';
export { decodeSequences, SequenceEncoder } from './sequence-codec.ts';
export { StreamedParts, type StreamedVerdict } from './streamed-parts.ts';
