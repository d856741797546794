/**
 * How many instances can have work at all where the manifest bounds the events at once on a node (`limits.inFlight`):
 * what comes beyond that bound waits in the stream, and an instance more than the bound fills would only be idle.
 */
import { formatCount } from '#common';
import type { ScaleSnapshot } from './signals.ts';

/** Instances of a node that have an event while the node holds as many as it may. */
function busyOnNode(events: number, concurrency: number): number {
  return Math.max(1, Math.ceil(events / Math.max(1, concurrency)));
}

/** The most that a node should be given; undefined where more are wanted than events can fill (a `min`, calls): they go where there is room. */
export function nodeMost(
  { limit, concurrency }: Pick<ScaleSnapshot, 'limit' | 'concurrency'>,
  { wanted, min }: { readonly wanted: number; readonly min: number },
): number | undefined {
  if (!limit) return undefined;
  const busy = busyOnNode(limit.events, concurrency);
  return wanted > busy * limit.nodes ? undefined : Math.max(busy, min);
}

/** The most that can have work, and why; undefined where nothing is bounded. */
export function inFlightMost({
  limit,
  concurrency,
  inFlight,
}: Pick<ScaleSnapshot, 'limit' | 'concurrency' | 'inFlight'>): { most: number; because: string } | undefined {
  if (!limit) return undefined;
  const { events, nodes } = limit;
  // Calls are handed to an instance whatever the bound on events is.
  const forCalls = Math.ceil(inFlight / Math.max(1, concurrency));
  const of = nodes > 1 ? ` on each of ${nodes} nodes` : '';
  return {
    most: Math.max(busyOnNode(events, concurrency) * Math.max(1, nodes), forCalls),
    because: `limits.inFlight (${formatCount(events, 'event')} at once${of}, ${concurrency} an instance)`,
  };
}
