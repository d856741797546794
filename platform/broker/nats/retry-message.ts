/**
 * An event on its way to another try: a copy in the RETRIES stream that remembers where it was first stored. Its results
 * get the ids of the original, so that a retry beside a late redelivery doubles nothing (R3).
 */
import type { MsgHdrs } from '@nats-io/transport-node';
import { type StreamName, streams } from '../subjects.ts';
import { decodeHeaders, encodeHeaders, messageIdHeader } from './message-headers.ts';
import { type EventName, eventName } from './packed-event.ts';
import type { PulledEvent, RetryMark } from './pulled-event.ts';

/** Where an event was first stored. */
export interface EventOrigin {
  readonly stream: StreamName;
  readonly sequence: number;
  /** Its place in the pack that the sequence names. */
  readonly member?: number | undefined;
  readonly timeMs: number;
  /** Stored subject. */
  readonly subject: string;
}

const originHeader = 'Pilotfish-Origin';
const notBeforeHeader = 'Pilotfish-Not-Before';
const redrivenHeader = 'Pilotfish-Redriven';
/** The event's own id, while the broker's header carries the retry's. */
const idHeader = 'Pilotfish-Id';

/** The platform's headers of a retry; an event's own headers never begin like these. */
const retryHeaders = new Set([originHeader, notBeforeHeader, redrivenHeader, idHeader]);

/** `headers` are the event's own; `id` keeps the copy from being stored twice. */
export function encodeRetry(
  origin: EventOrigin,
  mark: RetryMark,
  headers: Readonly<Record<string, string>>,
  id: string,
): MsgHdrs {
  const { [messageIdHeader]: ownId, ...others } = headers;
  const own = Object.entries(others).filter(([name]) => !name.startsWith('Nats-') && !retryHeaders.has(name));
  return encodeHeaders([
    [messageIdHeader, id],
    [originHeader, `${origin.stream} ${nameOf(origin)} ${origin.timeMs} ${origin.subject}`],
    [notBeforeHeader, String(mark.notBeforeMs)],
    [redrivenHeader, String(mark.redriven)],
    ...(ownId === undefined ? [] : ([[idHeader, ownId]] as [string, string][])),
    ...own,
  ]);
}

/** retry.<function>.<trigger>.<stream>.<sequence>.<what for>: readers of the stream know by it which event is meant. */
export function retryId(eventId: string, reason: string): string {
  return `retry.${eventId}.${reason}`;
}

function nameOf({ sequence, member }: EventOrigin): EventName {
  return eventName({ streamSequence: sequence, ...(member === undefined ? {} : { member }) });
}

/** Where the event was first stored that a message of RETRIES or ORDERED stands for; undefined for one that is none. */
export function originOf(stored: MsgHdrs | undefined): EventOrigin | undefined {
  return parseOrigin(decodeHeaders({ headers: stored })[originHeader]);
}

function parseOrigin(text: string | undefined): EventOrigin | undefined {
  const [stream, name = '', timeMs, subject] = (text ?? '').split(' ');
  const known = Object.values(streams).find((each) => each === stream);
  if (!subject || !known) return undefined;
  const [sequence, member] = name.split('-');
  const own = member === undefined ? {} : { member: Number(member) };
  return { stream: known, sequence: Number(sequence), ...own, timeMs: Number(timeMs), subject };
}

/** The event that a message of the RETRIES stream stands for; undefined for one that is none. */
export function decodeRetry(pulled: PulledEvent): PulledEvent | undefined {
  const headers = decodeHeaders(pulled.message);
  const origin = parseOrigin(headers[originHeader]);
  if (!origin) return undefined;
  const { sequence, member, timeMs, subject } = origin;
  return {
    ...pulled,
    subject,
    streamSequence: sequence,
    ...(member === undefined ? {} : { member }),
    timeMs,
    retry: {
      notBeforeMs: Number(headers[notBeforeHeader] ?? 0),
      redriven: Number(headers[redrivenHeader] ?? 0),
    },
  };
}

/** An event's headers as its source wrote them, whether it comes for the first time or again. */
export function ownHeaders(pulled: PulledEvent): Readonly<Record<string, string>> {
  const headers = decodeHeaders(pulled.message);
  if (pulled.retry === undefined) return headers;
  const own = Object.entries(headers).filter(([name]) => !retryHeaders.has(name) && !name.startsWith('Nats-'));
  const id = headers[idHeader];
  return { ...Object.fromEntries(own), ...(id === undefined ? {} : { [messageIdHeader]: id }) };
}
