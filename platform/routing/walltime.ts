/** R7: what a node may still take on before its walltime is over. Pure; times are milliseconds since 1970. */

/** For a drain at the end: naks, acks and results on their way, and the next owner's first look. */
export const drainMarginMs = 10_000;

/** A p99 of fewer calls says too little; with enough of them, a call rarely needs more than this much of it. */
const samplesMin = 100;
const p99Factor = 1.5;

export interface CallTimes {
  /** The function's own limit. */
  readonly timeoutMs: number;
  /** Calls measured, and their p99. */
  readonly samples: number;
  readonly p99Ms: number;
}

/** Time that a call may need. */
export function neededMs({ timeoutMs, samples, p99Ms }: CallTimes): number {
  return samples >= samplesMin ? Math.min(timeoutMs, p99Factor * p99Ms) : timeoutMs;
}

/** Whether a call that begins now ends in time. A node that knows of no end has all the time there is. */
export function hasTimeFor(nowMs: number, endsAtMs: number | undefined, times: CallTimes): boolean {
  if (endsAtMs === undefined) return true;
  // Asked once an event: with time for the longest call there is, nobody sorts what the last ones took.
  const leftMs = endsAtMs - nowMs - drainMarginMs;
  return times.timeoutMs <= leftMs || neededMs(times) <= leftMs;
}

/** When the node finishes what runs and hands back the rest. */
export function mustDrain(nowMs: number, endsAtMs: number | undefined): boolean {
  return endsAtMs !== undefined && nowMs + drainMarginMs >= endsAtMs;
}
