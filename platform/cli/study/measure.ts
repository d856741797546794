/** From what the stream stored to figures: throughput and latency in the steady part of a case, and its lag over time. Pure. */

export interface InputSeen {
  readonly sequence: number;
  readonly atMs: number;
  readonly bytes: number;
}

export interface ResultSeen {
  /** Of the event that it came from. */
  readonly sequence: number;
  readonly atMs: number;
  /** In the handler, where the function says it. */
  readonly tookMs: number | undefined;
}

export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface Measured {
  readonly handled: number;
  /** Results in the steady part. */
  readonly counted: number;
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  /** From stored to its result stored. */
  readonly latencyMs: Spread;
  /** The part of it before the handler; undefined where functions do not say how long they took. */
  readonly queueMs: Spread | undefined;
  readonly serviceMs: Spread | undefined;
  /** Seconds since the first input, and events stored but not handled. */
  readonly lag: [number, number][];
}

const lagPoints = 60;

/**
 * Steady: without the first `warmUp` results, and without the last one of each instance, while which fewer and fewer are busy.
 * Undefined where too little is left to measure.
 */
export function measure(
  inputs: readonly InputSeen[],
  results: readonly ResultSeen[],
  { warmUp, instances }: { readonly warmUp: number; readonly instances: number },
): Measured | undefined {
  const bySequence = new Map(inputs.map((input) => [input.sequence, input]));
  const seen = new Set<number>();
  // One a message: an event may have several outputs, and the first of them ends its wait.
  const done = [...results]
    .sort((a, b) => a.atMs - b.atMs)
    .filter(({ sequence }) => bySequence.has(sequence) && !seen.has(sequence) && seen.add(sequence));
  const from = done.slice(warmUp, done.length - instances);
  const [first, last] = [from[0], from.at(-1)];
  if (!first || !last || from.length < 2 || last.atMs <= first.atMs) return undefined;
  const seconds = (last.atMs - first.atMs) / 1_000;
  const inputOf = ({ sequence }: ResultSeen) => bySequence.get(sequence) as InputSeen;
  // The first one marks the beginning; what was done before it is not in the span.
  const bytes = from.slice(1).reduce((sum, result) => sum + inputOf(result).bytes, 0);
  const latency = (result: ResultSeen) => Math.max(0, result.atMs - inputOf(result).atMs);
  const timed = from.filter((result): result is ResultSeen & { tookMs: number } => result.tookMs !== undefined);
  return {
    handled: done.length,
    counted: from.length,
    perSecond: (from.length - 1) / seconds,
    megabytesPerSecond: bytes / seconds / 1e6,
    latencyMs: spreadOf(from.map(latency)),
    queueMs:
      timed.length === 0 ? undefined : spreadOf(timed.map((result) => Math.max(0, latency(result) - result.tookMs))),
    serviceMs: timed.length === 0 ? undefined : spreadOf(timed.map(({ tookMs }) => tookMs)),
    lag: lagOver(inputs, done),
  };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

function lagOver(inputs: readonly InputSeen[], done: readonly ResultSeen[]): [number, number][] {
  const stored = inputs.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const handled = done.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const start = stored[0] ?? 0;
  const end = Math.max(stored.at(-1) ?? start, handled.at(-1) ?? start);
  let [storedSoFar, handledSoFar] = [0, 0];
  return Array.from({ length: lagPoints + 1 }, (_, point) => {
    const time = start + ((end - start) * point) / lagPoints;
    while (storedSoFar < stored.length && (stored[storedSoFar] as number) <= time) storedSoFar++;
    while (handledSoFar < handled.length && (handled[handledSoFar] as number) <= time) handledSoFar++;
    return [(time - start) / 1_000, storedSoFar - handledSoFar];
  });
}
