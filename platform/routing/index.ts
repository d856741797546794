/** Which event goes where: subjects, templates, gathers, canaries. */
export {
  type CanaryRecord,
  type CanaryRules,
  canaryCallsMin,
  canaryInstances,
  canaryShare,
  goesToCanary,
  judgeCanary,
} from './canary.ts';
export { type CollectRules, compileCollect } from './collect.ts';
export { CronFires, missedAfterMs, missedFiresMax } from './cron-fires.ts';
export { mayRunOn, type NodeKind } from './eligible.ts';
export { compileFilter, type EventFilter } from './event-filter.ts';
export { type ArrivedName, compileGlob, FileFold, fileNamesMax, fileStem, fileVersion } from './file-fold.ts';
export {
  type ClosedKey,
  compileGather,
  decodeGatherEvent,
  decodeOpenedEvent,
  encodeGatherEvent,
  encodeOpenedEvent,
  expandMissing,
  expectHeader,
  type FoldEffect,
  type GatherEvent,
  GatherFold,
  type GatherRules,
  gatherHeaderPairs,
  gatherHeaders,
  type OpenedKey,
  type OpenKeyState,
  openedHeaderPairs,
  parseGatherHeaders,
  parsePartMark,
  partHeader,
  partsPerKeyMax,
  type StoredPart,
  StreamedParts,
  type StreamFold,
} from './gather/index.ts';
export { assignShards, KeyGate, type ShardOwners, shardCount, shardOf } from './order/index.ts';
export { type ReplayAnchor, replayWaitMs } from './replay-pace.ts';
export {
  type ClosedSpan,
  decideTrims,
  type GatherTrimTrigger,
  type PlainTrimTrigger,
  type Trim,
  type TrimSnapshot,
} from './trim.ts';
export { type CallTimes, drainMarginMs, hasTimeFor, mustDrain, neededMs } from './walltime.ts';
export { compileWindow, splitPlace, WindowFold, windowPartKind } from './window/index.ts';
