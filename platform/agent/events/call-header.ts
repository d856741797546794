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

/** The event's own headers, without the stream's bookkeeping. */
export function ownHeaderText(event: PulledEvent): string {
  return headerText(ownHeaders(event));
}

export function headerText(headers: Readonly<Record<string, string>>): string {
  let own = '';
  for (const name in headers) {
    const key = keyOf(name);
    if (key !== '') own += `${own === '' ? '' : ','}${key}${JSON.stringify(headers[name])}`;
  }
  return own === '' ? '' : `,"h":{${own}}`;
}

/** Of no use to a handler, which is given what they stand for. */
const hiddenHeader = /^(Nats-|Pilotfish-(Claim|Pack))/;

/** Names in JSON: the same few come with every event. Bounded, for a source may make up names. */
const keys = new Map<string, string>();
const keysMax = 1_000;
const keyCharsMax = 64;

/** With a colon behind it; empty for one that is hidden. */
function keyOf(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const isHidden = name !== messageIdHeader && hiddenHeader.test(name);
  const key = isHidden ? '' : `${JSON.stringify(name)}:`;
  if (keys.size < keysMax && name.length <= keyCharsMax) keys.set(name, key);
  return key;
}
