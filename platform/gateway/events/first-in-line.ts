/** How far the events of a trigger with order have come that were put in line (design, "Order per key"). */
import type { JetStreamManager } from '@nats-io/jetstream';
import { orderSubject, originOf, streams } from '#broker';

/** Sequence, in EVENTS, of the oldest that still stands in line; none before it is needed any more. */
export async function firstInLine(manager: JetStreamManager, functionName: string, trigger: string): Promise<number> {
  const oldest = await manager.direct.getMessage(streams.ordered, {
    seq: 1,
    next_by_subj: orderSubject(functionName, trigger, '*'),
  });
  return (oldest && originOf(oldest.header)?.sequence) ?? Number.POSITIVE_INFINITY;
}
