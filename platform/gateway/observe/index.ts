/**
 * What is shown of a pilot: function-view.ts (a function), pilot-jobs.ts (its scheduler jobs), happenings.ts (what
 * happened; journal.ts keeps it), dead-letter-counts.ts, stored-events.ts, watch.ts (all of it, again and again).
 */
export { DeadLetterCounts } from './dead-letter-counts.ts';
export { describeFunction, type FunctionViewOptions, summaries } from './function-view.ts';
export { Happenings, tellEarlier } from './happenings.ts';
export { History } from './history.ts';
export { Journal } from './journal.ts';
export { pilotJobs } from './pilot-jobs.ts';
export { getLatestEvent, listSubjects } from './stored-events.ts';
export { type WatchOptions, watch } from './watch.ts';
