/** How long an event that was given back waits before it may come again, by why. */
import { backoffMs } from '#common';
import type { CallOutcome } from '../call.ts';

/** Its instance ended. */
export const lostBackoff = { minMs: 100, maxMs: 2_000 };
/** Its outputs had no room, or no stream to take them. */
export const refusedBackoff = { minMs: 100, maxMs: 5_000 };
/** No instance could be started for it here. */
export const unstartableDelayMs = 5_000;
/** All slots were taken: the gateway lets an idle instance of another function give way within a round or two. */
const fullBackoff = { minMs: 100, maxMs: 2_000 };

/** Of an event that nobody could run, and that has been given out so often. */
export function unstartableWaitMs({ full }: CallOutcome & { kind: 'unstartable' }, deliveries: number): number {
  return full ? fullBackoff.minMs + backoffMs(deliveries, fullBackoff) : unstartableDelayMs;
}
