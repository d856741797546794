/**
 * The members of a pack as events of their own: named by the pack's sequence and their place in it. Those that go on by
 * themselves (a retry, a dead letter, an event in line) keep that name.
 */
import { headers as newHeaders } from '@nats-io/transport-node';
import { decodePack, packHeader, readMemberHeaders } from '#packs';
import { decodeHeaders } from './message-headers.ts';
import type { PulledEvent } from './pulled-event.ts';

/** One event of a stream: a message by its sequence, a member of a pack by its sequence and place ("12-3"). */
export type EventName = number | string;

export function eventName({ streamSequence, member }: Pick<PulledEvent, 'streamSequence' | 'member'>): EventName {
  return member === undefined ? streamSequence : `${streamSequence}-${member}`;
}

export function isPack(event: Pick<PulledEvent, 'message'>): boolean {
  return packHeader in decodeHeaders(event.message);
}

/** In the order of the pack. Throws `corrupt` for what is no pack. */
export function membersOf(pack: PulledEvent): PulledEvent[] {
  return decodePack(pack.message.data).map(({ headers, payload }, member) => ({
    ...pack,
    member,
    message: { data: payload, subject: pack.message.subject, headers: memberHeaders(headers) },
  }));
}

function memberHeaders(json: string): PulledEvent['message']['headers'] {
  const own = Object.entries(readMemberHeaders(json));
  if (own.length === 0) return undefined;
  const headers = newHeaders();
  for (const [name, value] of own) headers.append(name, value);
  return headers;
}
