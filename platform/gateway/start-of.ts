/** Where a reader of log lines or audit entries begins, as its request says. Pure. */
import type { ReadStart } from '#broker';
import type { LogsRequest } from '#proto';

export function startOf({ fromSequence, sinceMs }: Pick<LogsRequest, 'fromSequence' | 'sinceMs'>): ReadStart {
  if (fromSequence > 0) return { sequence: fromSequence };
  return sinceMs > 0 ? { sinceMs } : 'all';
}
