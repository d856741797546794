/** The messages that a gatherer writes: gather events, and dead letters of what cannot be gathered. */
import {
  bodySizeHeader,
  type DeadEvent,
  type DeadLetterBody,
  deadLetterSubject,
  decodeHeaders,
  encodeHeaders,
  eventName,
  gatherSubject,
  messageIdHeader,
  openedSubject,
  type StoredMessage,
  streams,
  userSubject,
} from '#broker';
import { traceOf } from '#common';
import type { FunctionVersion } from '#proto';
import {
  type ClosedKey,
  type CollectRules,
  encodeGatherEvent,
  encodeOpenedEvent,
  expectHeader,
  gatherHeaderPairs,
  type OpenedKey,
  openedHeaderPairs,
  partHeader,
  type StoredPart,
} from '#routing';
import type { OutboxEntry } from './gather-outbox.ts';

/** The stream refuses the message unless the subject's last sequence is this one; 0 means: none yet (G4). */
const expectedLastHeader = 'Nats-Expected-Last-Subject-Sequence';

export interface GatherOrigin {
  readonly version: FunctionVersion;
  readonly trigger: string;
}

/**
 * Closes a key for good: a second event on its subject is refused. An incomplete one that the manifest wants
 * dead-lettered takes the same way, marked; the agent that pulls it writes the dead letter, under R2 like any other.
 */
export function gatherLetter(
  { version, trigger }: GatherOrigin,
  closed: ClosedKey,
  rules: Pick<CollectRules, 'onIncomplete'> & Partial<Pick<CollectRules, 'streaming'>>,
): OutboxEntry {
  const subject = gatherSubject(version.function, trigger, closed.key);
  return {
    subject,
    payload: encodeGatherEvent(closed, streams.events),
    headers: encodeHeaders([
      // First and last message tell a key that is used again a day later from the one before.
      [messageIdHeader, `${subject}.${closed.first}-${closed.last}`],
      [expectedLastHeader, '0'],
      ...gatherHeaderPairs(closed, rules),
    ]),
    holdsFrom: closed.first,
    ...(rules.streaming ? { behind: openedSubject(version.function, trigger, closed.key) } : {}),
  };
}

/** Calls the function of a streaming gather; like the close, once a key (G4, G13). */
export function openedLetter({ version, trigger }: GatherOrigin, opened: OpenedKey): OutboxEntry {
  const subject = openedSubject(version.function, trigger, opened.key);
  return {
    subject,
    payload: encodeOpenedEvent(opened),
    headers: encodeHeaders([
      [messageIdHeader, `${subject}.${opened.first}`],
      [expectedLastHeader, '0'],
      ...openedHeaderPairs(opened),
    ]),
    holdsFrom: opened.first,
  };
}

/** One a key: `count` of the others is in the log. */
export function lateLetter(origin: GatherOrigin, key: string, part: StoredPart): OutboxEntry {
  const [kind = '', index = ''] = (part.part ?? '').split(':');
  return deadLetter(origin, {
    id: `late.${key}.${eventName({ streamSequence: part.sequence, ...(part.member === undefined ? {} : { member: part.member }) })}`,
    reason: part.part === undefined ? 'late event' : 'late part',
    event: eventOf(part),
    trace: traceOf(part.headers),
    details: { key, kind, index: Number(index) },
  });
}

export function refusedLetter(origin: GatherOrigin, part: StoredPart, reason: string): OutboxEntry {
  return deadLetter(origin, {
    id: `refused.${part.sequence}`,
    reason: `not a part: ${reason}`,
    event: eventOf(part),
    trace: traceOf(part.headers),
    details: {},
  });
}

/** An event that cannot be put in line behind those of its key. */
export function unorderedLetter(
  origin: GatherOrigin,
  { message, sequence, timeMs }: StoredMessage,
  reason: string,
): OutboxEntry {
  const headers = decodeHeaders(message);
  return deadLetter(origin, {
    id: `unordered.${sequence}`,
    reason: `cannot be put in order: ${reason}`,
    event: { sequence, subject: userSubject(message.subject), time: timeMs, headers },
    trace: traceOf(headers),
    details: {},
  });
}

interface LetterContent {
  readonly id: string;
  readonly reason: string;
  /** Headers of the event that carry its trace. */
  readonly trace: readonly [string, string][];
  readonly event: Pick<DeadEvent, 'sequence' | 'member' | 'subject' | 'time' | 'headers' | 'bytes'>;
  readonly details: Pick<DeadLetterBody, 'key' | 'kind' | 'index'>;
}

/** The same form as the dead letters of failed events, without the payload: that is still in the stream. */
function deadLetter({ version, trigger }: GatherOrigin, content: LetterContent): OutboxEntry {
  const body: DeadLetterBody = {
    function: version.function,
    version: version.number,
    digest: version.digest,
    trigger,
    reason: content.reason,
    deliveries: 0,
    attempts: [],
    traceparent: content.trace[0]?.[1] ?? '',
    event: { stream: streams.events, ...content.event, data: '' },
    ...content.details,
  };
  return {
    subject: deadLetterSubject(version.function),
    payload: Buffer.from(JSON.stringify(body)),
    headers: encodeHeaders([
      [messageIdHeader, `dlq.${version.function}.${trigger}.${streams.events}.${content.id}`],
      ...content.trace,
    ]),
    holdsFrom: content.event.sequence,
  };
}

function eventOf(part: StoredPart): LetterContent['event'] {
  const { sequence, member, subject, timeMs: time, bytes } = part;
  const headers: Record<string, string> = {};
  if (part.part !== undefined) headers[partHeader] = part.part;
  if (part.expect !== undefined) headers[expectHeader] = part.expect;
  // An event of a window stands for itself: what it says of itself is all that there is to find it by.
  if (part.part === undefined) Object.assign(headers, withoutServers(part.headers));
  // With its size and no payload a letter cannot be redriven; an empty one would look whole.
  return { sequence, member, subject, time, headers, ...(bytes > 0 ? { bytes } : {}) };
}

/** What the source has said, less what the server adds for who reads headers only. */
function withoutServers(headers: StoredPart['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== bodySizeHeader));
}
