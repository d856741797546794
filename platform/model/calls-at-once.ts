/** How many calls one instance works on at a time, and for how long at most. */

interface AtOnce {
  readonly concurrency: number;
  readonly batch?: { readonly size: number } | undefined;
}

/** Each event of a batch counts. */
export function callsAtOnce(spec: AtOnce | undefined): number {
  return (spec?.concurrency || 1) * (spec?.batch?.size || 1);
}

interface Timed {
  readonly timeoutMs: number;
  readonly triggers: readonly OpenFor[];
}

interface OpenFor {
  readonly gather?: { readonly streaming: boolean; readonly timeoutMs: number } | undefined;
}

/** A call that follows an open key lasts as long as the key is open, and then has the function's own time (G13). */
export function callTimeoutMs(timeoutMs: number, { gather }: OpenFor): number {
  return gather?.streaming ? gather.timeoutMs + timeoutMs : timeoutMs;
}

/** Of any of its calls. */
export function longestCallMs(spec: Timed | undefined): number {
  if (!spec) return 0;
  return Math.max(spec.timeoutMs, ...spec.triggers.map((trigger) => callTimeoutMs(spec.timeoutMs, trigger)));
}
