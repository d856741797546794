/** The call of an event whose turn in its key has come, with its payload from wherever that lies; where it cannot be now, its key waits. */
import { isPack } from '#broker';
import { PlatformError } from '#common';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { callHeader, ownHeaderText } from '../events/call-header.ts';
import type { Delivery } from '../events/delivery.ts';
import { type FetchedCall, fetchClaimed, isLostForGood } from '../events/fetch-claimed.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import type { FunctionPool } from '../instances/function-pool.ts';

export interface OrderedCallOptions {
  readonly pool: FunctionPool;
  readonly route: TriggerRoute;
  readonly claims: Pick<ClaimLocator, 'locate'>;
  /** False once it is somebody else's. */
  readonly isHeld: () => boolean;
  /** It is to be tried again later, and its key waits for it. */
  readonly again: (delayMs: number) => void;
}

/** The pool had no room after all. */
const noRoomMs = 1_000;
/** A claimed payload whose node, or room for it, is not there now. */
const fetchRetryMs = 5_000;
const noPayload = new Uint8Array(0);

export function callInOrder(delivery: Delivery, options: OrderedCallOptions): void {
  const { event } = delivery;
  // Whoever put it in line could not open it; those that can be opened stand there as their members.
  if (isPack(event)) return delivery.deadLetter('the pack cannot be read', delivery.earlier);
  const claimed = fetchClaimed(event, options.claims);
  if (claimed === undefined) return call(delivery, options, { text: ownHeaderText(event), body: event.message.data });
  claimed.then(
    (fetched) => {
      if (!options.isHeld()) return fetched.remove();
      call(delivery, options, { text: fetched.text, body: noPayload, fetched });
    },
    (thrown: unknown) => {
      const error = PlatformError.from(thrown);
      if (isLostForGood(error)) return delivery.deadLetter(error.message, delivery.earlier);
      options.again(fetchRetryMs);
    },
  );
}

interface Payload {
  /** The event's own headers. */
  readonly text: string;
  readonly body: Uint8Array;
  readonly fetched?: FetchedCall;
}

function call(delivery: Delivery, { pool, route, again }: OrderedCallOptions, { text, body, fetched }: Payload): void {
  const timeoutMs = pool.version.spec?.timeoutMs ?? 30_000;
  delivery.beginTrace();
  const taken = pool.submit({
    header: callHeader(delivery, route, timeoutMs, text),
    body,
    claimed: fetched !== undefined,
    mayLeave: true,
    timeoutMs,
    scan: route.scanOf(delivery.event),
    settle: (outcome, run) => {
      fetched?.remove();
      delivery.settle(outcome, run);
    },
  });
  if (taken) return;
  fetched?.remove();
  again(noRoomMs);
}
