/** Wanted instance counts, explained. */
export { decide, noMemory, type ScaleDecision, type ScaleMemory } from './decide.ts';
export { type ShareDemand, shareSlots } from './fair-share.ts';
export { inFlightMost, nodeMost } from './in-flight-limit.ts';
export {
  busyNodeUse,
  type Downstream,
  defaultTuning,
  type InFlightLimit,
  type NodeUse,
  type ScalePolicy,
  type ScaleSnapshot,
  type ScaleTuning,
} from './signals.ts';
export { Turns } from './turns.ts';
export { fitUsl, type UslFit, type UslSample, uslConfidenceMin, uslThroughput } from './usl.ts';
