/** What a canary is given, and whether it does well. Pure. */

/** Fewer calls say nothing: one failure of ten is no rate. */
export const canaryCallsMin = 20;

export interface CanaryRules {
  /** Of 100 calls, so many may fail. */
  readonly errorPercentMax: number;
  /** 0: however long it takes. */
  readonly p99MsMax: number;
}

/** What has become of the canary's calls and events so far. */
export interface CanaryRecord {
  readonly handled: number;
  readonly failed: number;
  /** Of its last calls. */
  readonly p99Ms: number;
}

/** Why it has to be withdrawn; undefined where nothing speaks against it yet. */
export function judgeCanary({ handled, failed, p99Ms }: CanaryRecord, rules: CanaryRules): string | undefined {
  const calls = handled + failed;
  if (calls < canaryCallsMin) return undefined;
  const errorPercent = (100 * failed) / calls;
  if (errorPercent > rules.errorPercentMax) {
    return `${failed} of ${calls} calls failed (${errorPercent.toFixed(1)} %, at most ${rules.errorPercentMax} % may)`;
  }
  if (rules.p99MsMax > 0 && p99Ms > rules.p99MsMax) {
    return `p99 of its last calls is ${p99Ms.toFixed(0)} ms (at most ${rules.p99MsMax} ms)`;
  }
  return undefined;
}

/** The same answer each time an event comes: a retry goes to the version that had it. */
export function goesToCanary(sequence: number, percent: number): boolean {
  // Neighbours are spread: a burst is split like everything else.
  const mixed = Math.imul(sequence ^ (sequence >>> 15), 0x2c1b3c6d);
  const spread = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 0;
  return spread % 10_000 < percent * 100;
}

/**
 * Of 100 events that a node pulls, how many its canary instances run, so that of all events `percent` are. Nodes pull in
 * proportion to the instances of the version beside it; one without an instance of both passes nothing on.
 */
export function canaryShare(
  node: string,
  percent: number,
  stable: ReadonlyMap<string, number>,
  canary: ReadonlyMap<string, number>,
): number {
  if (!canary.get(node) || !stable.get(node)) return 0;
  let all = 0;
  let beside = 0;
  for (const [id, count] of stable) {
    all += count;
    if (canary.get(id)) beside += count;
  }
  return Math.min(100, (percent * all) / beside);
}

/** Instances that the canary takes over from the version beside it: its share, and one at least while that one has any. */
export function canaryInstances(wanted: number, percent: number): number {
  return wanted === 0 ? 0 : Math.max(1, Math.round((wanted * percent) / 100));
}
