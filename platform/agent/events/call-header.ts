/** What an instance is told of an event, as JSON built by hand: it is made once an event. */
import { messageIdHeader, ownHeaders, type PulledEvent } from '#broker';
import type { EventTrace } from '../traces/event-trace.ts';
import type { PackTrace } from '../traces/pack-trace.ts';
import type { Delivery } from './delivery.ts';
import type { TriggerRoute } from './trigger-route.ts';

/** `rest`: further fields, with a comma before each. */
export function callHeader(
  delivery: Pick<Delivery, 'event' | 'name' | 'attempt'> & {
    readonly trace?: Pick<EventTrace, 'traceparent'> | PackTrace | undefined;
  },
  route: TriggerRoute,
  timeoutMs: number,
  rest: string,
): string {
  const { event, trace } = delivery;
  const caused = trace === undefined || !('traceparent' in trace) ? '' : `,"p":"${trace.traceparent}"`;
  const subject = JSON.stringify(route.subjectOf(event));
  const id = route.idOf(delivery.name);
  return `{"s":${subject},"i":"${id}","q":${event.streamSequence},"t":${event.timeMs},"a":${delivery.attempt},"d":${timeoutMs}${caused}${rest}}`;
}

/** Of no use to a handler, which is given what they stand for. */
const hiddenHeader = /^(Nats-|Pilotfish-(Claim|Pack))/;

/** The event's own headers, without the stream's bookkeeping. */
export function ownHeaderText(event: PulledEvent): string {
  return headerText(ownHeaders(event));
}

export function headerText(headers: Readonly<Record<string, string>>): string {
  let own = '';
  for (const name in headers) {
    if (name !== messageIdHeader && hiddenHeader.test(name)) continue;
    own += `${own === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(headers[name])}`;
  }
  return own === '' ? '' : `,"h":{${own}}`;
}
