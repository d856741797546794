// Holds a rate: the n-th item is due at start + n / rate, an absolute schedule, so that late timers do not add up to a slow run.

/** Time as the pacer sees it; a test gives its own. */
export interface PacerClock {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface Pacer {
  /** Resolves when the next item is due; at once when it is late. Rejects with the signal's reason when aborted. */
  readonly next: (signal?: AbortSignal) => Promise<void>;
  /** Milliseconds given up because the run was held up for longer than it may catch up; 0 in a run that held its rate. */
  readonly slippedMs: () => number;
}

/** After a longer hold-up the schedule moves instead of sending all that was missed in one burst. */
const catchUpMaxMs = 1_000;

/** Times in milliseconds from the start, not falling; the pacer waits for each in turn. */
export function createPacer(rate: number | (() => number), clock: PacerClock): Pacer {
  const due = typeof rate === 'number' ? constantRate(rate) : rate;
  let start: number | undefined;
  let slipped = 0;
  return {
    next: async (signal) => {
      signal?.throwIfAborted();
      const now = clock.now();
      start ??= now;
      const wait = start + slipped + due() - now;
      if (wait > 0) await clock.sleep(wait, signal);
      else if (-wait > catchUpMaxMs) slipped += -wait - catchUpMaxMs;
    },
    slippedMs: () => slipped,
  };
}

function constantRate(ratePerSecond: number): () => number {
  if (!(ratePerSecond > 0) || !Number.isFinite(ratePerSecond)) {
    throw new RangeError(`rate is ${ratePerSecond}; give frames per second, > 0.`);
  }
  let items = 0;
  return () => (items++ * 1_000) / ratePerSecond;
}
