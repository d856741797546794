/** What a function has measured, as the charts draw it: rates out of counters, ten minutes of it. */
import type { FunctionHistory, FunctionSummary } from '#proto';

export interface Series {
  /** Seconds since 1970, as the charts take them. */
  readonly time: number[];
  readonly arrival: (number | null)[];
  readonly served: (number | null)[];
  readonly errors: (number | null)[];
  readonly lag: (number | null)[];
  readonly wanted: (number | null)[];
  readonly ready: (number | null)[];
  readonly p50: (number | null)[];
  readonly p99: (number | null)[];
  /** Instances started between two samples. */
  readonly starts: (number | null)[];
}

interface Counters {
  readonly timeMs: number;
  readonly handled: number;
  readonly failed: number;
  readonly started: number;
}

/** Ten minutes, a sample each second. */
const samplesMax = 600;
/** Closer samples make rates that jump. */
const sampleMsMin = 900;

export class FunctionSeries {
  readonly series: Series = {
    time: [],
    arrival: [],
    served: [],
    errors: [],
    lag: [],
    wanted: [],
    ready: [],
    p50: [],
    p99: [],
    starts: [],
  };
  #last: Counters | undefined;

  /** What was kept at the gateway before the page was opened. */
  begin(history: FunctionHistory): void {
    for (const values of Object.values(this.series) as (number | null)[][]) values.length = 0;
    this.#last = undefined;
    for (const [at, timeMs] of history.timeMs.entries()) {
      const value = (list: readonly number[]): number => list[at] ?? 0;
      this.#add(
        {
          timeMs,
          handled: value(history.handled),
          failed: value(history.failed),
          started: value(history.started),
        },
        {
          rate: value(history.ratePerSecond),
          lag: value(history.lag),
          wanted: value(history.wanted),
          ready: value(history.ready),
          p50: value(history.p50Ms),
          p99: value(history.p99Ms),
        },
      );
    }
  }

  add(timeMs: number, { handled, failed, lag, instancesWanted, instancesReady, metrics }: FunctionSummary): void {
    if (this.#last && timeMs - this.#last.timeMs < sampleMsMin) return;
    const { ratePerSecond = -1, p50Ms = 0, p99Ms = 0, started = 0 } = metrics ?? {};
    this.#add(
      { timeMs, handled, failed, started },
      { rate: ratePerSecond, lag, wanted: instancesWanted, ready: instancesReady, p50: p50Ms, p99: p99Ms },
    );
  }

  #add(
    now: Counters,
    seen: { rate: number; lag: number; wanted: number; ready: number; p50: number; p99: number },
  ): void {
    const last = this.#last;
    this.#last = now;
    const seconds = last ? (now.timeMs - last.timeMs) / 1_000 : 0;
    // A node that left takes its counters along: no rate then, rather than a negative one.
    const grown = (value: number, before: number | undefined) =>
      before === undefined || value < before ? null : value - before;
    const perSecond = (value: number | null) => (value === null || seconds <= 0 ? null : value / seconds);
    const handled = grown(now.handled, last?.handled);
    const failed = grown(now.failed, last?.failed);
    const { series } = this;
    series.time.push(now.timeMs / 1_000);
    series.arrival.push(seen.rate < 0 ? null : seen.rate);
    series.served.push(perSecond(handled));
    series.errors.push(perSecond(failed));
    series.lag.push(seen.lag < 0 ? null : seen.lag);
    series.wanted.push(seen.wanted);
    series.ready.push(seen.ready);
    series.p50.push(seen.p50 || null);
    series.p99.push(seen.p99 || null);
    series.starts.push(grown(now.started, last?.started));
    if (series.time.length > samplesMax) for (const values of Object.values(series) as unknown[][]) values.shift();
  }
}

/** Of the last samples of one value, the mean; undefined where nothing is known. */
export function recentMean(values: readonly (number | null)[], samples = 5): number | undefined {
  const known = values.slice(-samples).filter((value) => value !== null);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** How many calls and events failed in the last minute, as far as it has been watched. */
export function errorsLately({ time, errors }: Pick<Series, 'time' | 'errors'>): number {
  const end = time.at(-1) ?? 0;
  let count = 0;
  for (let at = time.length - 1; at > 0; at--) {
    const [from = 0, to = 0] = [time[at - 1], time[at]];
    if (end - from > 60.5) break;
    count += (errors[at] ?? 0) * (to - from);
  }
  return Math.round(count);
}
