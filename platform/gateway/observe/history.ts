/** What each function measured in the last ten minutes, so that who opens a chart does not begin with an empty one. */
import type { Clock } from '#common';
import type { FunctionHistory } from '#proto';
import type { UsageTotals } from '../metrics/usage-totals.ts';
import { type FunctionViewOptions, summaries } from './function-view.ts';

const sampleEveryMs = 2_000;
const samplesMax = 300;
/** Of more functions nothing is kept: their charts begin when they are opened. */
const functionsMax = 256;

const values = ['ratePerSecond', 'handled', 'failed', 'lag', 'wanted', 'ready', 'p50Ms', 'p99Ms', 'started'] as const;
type Sample = Readonly<Record<(typeof values)[number], number>>;

export interface HistoryOptions extends FunctionViewOptions {
  readonly clock: Clock;
  /** What agents count is added up at each look, before one of them is lost. */
  readonly usage: Pick<UsageTotals, 'add'>;
}

export class History {
  readonly #options: HistoryOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #byFunction = new Map<string, FunctionHistory>();

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sample(), sampleEveryMs);
  }

  all(): FunctionHistory[] {
    return [...this.#byFunction.values()];
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const now = this.#options.clock.now();
    this.#options.usage.add(this.#options.fleet.ready());
    const names = new Set<string>();
    for (const { name, handled, failed, lag, instancesWanted, instancesReady, metrics } of summaries(this.#options)) {
      names.add(name);
      const { ratePerSecond = -1, p50Ms = 0, p99Ms = 0, started = 0 } = metrics ?? {};
      this.#add(name, now, {
        ratePerSecond,
        handled,
        failed,
        lag,
        wanted: instancesWanted,
        ready: instancesReady,
        p50Ms,
        p99Ms,
        started,
      });
    }
    for (const name of this.#byFunction.keys()) if (!names.has(name)) this.#byFunction.delete(name);
  }

  #add(name: string, timeMs: number, sample: Sample): void {
    const known = this.#byFunction.get(name);
    if (!known && this.#byFunction.size >= functionsMax) return;
    const history = known ?? emptyHistory(name);
    this.#byFunction.set(name, history);
    push(history.timeMs, timeMs);
    for (const value of values) push(history[value], sample[value]);
  }
}

function emptyHistory(name: string): FunctionHistory {
  return {
    function: name,
    timeMs: [],
    ratePerSecond: [],
    handled: [],
    failed: [],
    lag: [],
    wanted: [],
    ready: [],
    p50Ms: [],
    p99Ms: [],
    started: [],
  };
}

function push(list: number[], value: number): void {
  list.push(value);
  if (list.length > samplesMax) list.shift();
}
