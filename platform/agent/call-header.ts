/** What an instance is told of an event, as JSON built by hand: it is made once an event. */
import { messageIdHeader, ownHeaders, type PulledEvent } from '#broker';
import type { Delivery } from './delivery.ts';
import type { TriggerRoute } from './trigger-route.ts';

/** `rest`: further fields, with a comma before each. */
export function callHeader(delivery: Delivery, route: TriggerRoute, timeoutMs: number, rest: string): string {
  const { event } = delivery;
  const subject = JSON.stringify(route.subjectOf(event));
  const id = route.idOf(delivery.sequence);
  return `{"s":${subject},"i":"${id}","q":${delivery.sequence},"t":${event.timeMs},"a":${delivery.attempt},"d":${timeoutMs}${rest}}`;
}

/** The event's own headers, without the stream's bookkeeping. */
export function ownHeaderText(event: PulledEvent): string {
  if (!event.message.headers) return '';
  const pairs = ownHeaders(event);
  const own = Object.entries(pairs).filter(([name]) => name === messageIdHeader || !name.startsWith('Nats-'));
  return own.length === 0 ? '' : `,"h":${JSON.stringify(Object.fromEntries(own))}`;
}
