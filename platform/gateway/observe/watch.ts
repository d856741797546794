/** The pilot's state, at once and after every change: what `top`, the dashboard and programs look at. */
import type { Clock } from '#common';
import type { WatchRequest, WatchResponse } from '#proto';
import type { Changes } from '../changes.ts';
import type { JobWatch } from '../nodes/job-watch.ts';
import { type FunctionViewOptions, summaries } from './function-view.ts';
import type { Happenings } from './happenings.ts';
import type { History } from './history.ts';
import { pilotJobs } from './pilot-jobs.ts';

export interface WatchOptions extends FunctionViewOptions {
  readonly pilot: string;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly epoch: number;
  readonly happenings: Happenings;
  readonly jobs: JobWatch;
  readonly history: History;
  readonly urlOf: (path: string) => string;
}

/** Changes within this long are one message, where the watcher asks for nothing else. */
const everyMsDefault = 100;
const everyMsMax = 60_000;
/** Counters alone are no change: they are told this often. */
const countersMs = 1_000;

export async function* watch(
  { everyMs, history: wantsHistory }: WatchRequest,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse, void, void> {
  const { fleet, clock, changes, epoch, scaling, happenings, deadLetters, jobs, pilot } = options;
  const restMs = Math.min(everyMs || everyMsDefault, everyMsMax);
  let decided = 0;
  let told = 0;
  let isFirst = true;
  while (!signal.aborted) {
    await deadLetters.refresh();
    const fresh = scaling.decisions.since(decided);
    decided = fresh.seen;
    const { happened, seen } = happenings.since(told);
    told = seen;
    yield {
      pilot,
      timeMs: clock.now(),
      nodes: fleet.list(),
      functions: summaries(options),
      epoch,
      decisions: [...fresh.decisions],
      jobs: pilotJobs(fleet, jobs),
      happened,
      httpUrl: options.urlOf(''),
      history: isFirst && wantsHistory ? options.history.all() : [],
    };
    isFirst = false;
    await changes.next(clock, countersMs, signal);
    await clock.sleep(restMs, signal);
  }
}
