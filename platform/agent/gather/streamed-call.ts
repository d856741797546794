/** The call of a function for a key that is open (G13): its event is acked, like any other, when the call has ended well. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { gatherSubject } from '#broker';
import { type Clock, PlatformError } from '#common';
import { decodeOpenedEvent, type OpenedKey } from '#routing';
import type { CallOutcome, CallRun } from '../call.ts';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { callHeader } from '../events/call-header.ts';
import type { Delivery } from '../events/delivery.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import { PartFeed } from './part-feed.ts';

/** Where parts come from. */
export interface PartSource {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly clock: Clock;
  readonly claims: Pick<ClaimLocator, 'locate'>;
}

export interface StreamedCall {
  readonly delivery: Delivery;
  readonly route: TriggerRoute;
  readonly pool: FunctionPool;
  readonly timeoutMs: number;
  readonly source: PartSource;
}

/** Begun anew so often through no fault of its own; from then on it counts as failed (R6). */
const againMax = 20;

export function runStreamed({ delivery, route, pool, timeoutMs, source }: StreamedCall): void {
  let opened: OpenedKey;
  try {
    opened = decodeOpenedEvent(delivery.event.message.data);
  } catch (error) {
    return delivery.settle(failed(PlatformError.from(error).message), { instance: '', ms: 0 });
  }
  let feed: PartFeed | undefined;
  delivery.beginTrace();
  const taken = pool.submit({
    header: callHeader(delivery, route, timeoutMs, `,"o":${JSON.stringify({ key: opened.key })}`),
    body: noPayload,
    timeoutMs,
    scan: route.scanOf(delivery.event),
    openFeed: (to) => {
      const closedSubject = gatherSubject(route.functionName, route.triggerName, opened.key);
      const redriven = (delivery.event.retry?.redriven ?? 0) > 0;
      feed = new PartFeed({ ...source, opened, closedSubject, redriven, to });
      return feed;
    },
    settle: (outcome, run) => settle(delivery, feed, outcome, run),
  });
  if (!taken) delivery.nak(1_000);
}

/** A call that did not see the end of its parts says nothing of a key that had none it could be given. */
function settle(delivery: Delivery, feed: PartFeed | undefined, outcome: CallOutcome, run: CallRun): void {
  const verdict = feed?.verdict;
  if (delivery.isOver) return;
  if (verdict === undefined) return delivery.settle(outcome, run);
  switch (verdict.kind) {
    case 'refused':
      return delivery.deadLetter(verdict.reason, delivery.earlier);
    case 'again':
      if (delivery.deliveries < againMax) return delivery.nak(verdict.delayMs);
      return delivery.settle(failed(verdict.message), run);
    case 'failed':
      return delivery.settle(failed(verdict.message), run);
  }
}

function failed(message: string): CallOutcome {
  return { kind: 'failed', error: { kind: 'failed', message, stack: '' } };
}

const noPayload = new Uint8Array(0);
