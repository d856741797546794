/** Looks into the stream of events: which subjects there are, and the last event on one. */
import { JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { eventSubject, publishSubject, streams, userSubject } from '#broker';
import { dtypeHeader, parseShape, readClaim, shapeHeader } from '#claims';
import { PlatformError } from '#common';
import type { GetLatestEventRequest, GetLatestEventResponse, ListSubjectsResponse } from '#proto';
import { type ClaimedPayloadOptions, readClaimedPayload } from './claimed-payload.ts';
import { floatArrayOf, shrink } from './picture.ts';

/** More than a page shows; the server's own answer is bounded at ten times as many. */
const subjectsMax = 10_000;
const patternChars = /^[^\s{}]{1,256}$/;
/** n2 before n10. */
const bySubject = new Intl.Collator('en', { numeric: true });
/** No message on that subject. */
const notFoundCode = 10037;

/** Throws `usage` for what is no pattern. */
export async function listSubjects(pattern: string, manager: JetStreamManager): Promise<ListSubjectsResponse> {
  if (!patternChars.test(pattern) || pattern.split('.').includes('')) {
    throw new PlatformError('usage', `"${pattern}" is no pattern of subjects`, { hint: 'Write it like recon.7.*' });
  }
  const { state } = await manager.streams.info(streams.events, { subjects_filter: eventSubject(pattern) });
  const subjects = Object.entries(state.subjects ?? {}).map(([subject, events]) => ({
    subject: userSubject(subject),
    events,
  }));
  return { subjects: subjects.sort((a, b) => bySubject.compare(a.subject, b.subject)).slice(0, subjectsMax) };
}

/** Throws `not-found`, and `invalid` for a subject with wildcards. */
export async function getLatestEvent(
  { subject, pictureSide, knownSequence }: GetLatestEventRequest,
  options: ClaimedPayloadOptions,
): Promise<GetLatestEventResponse> {
  const message = await readLast(publishSubject(subject), options.manager);
  if (!message) {
    throw new PlatformError('not-found', `no event is stored on "${subject}"`, {
      hint: 'Events that are done with leave the stream when it fills.',
    });
  }
  const headers = Object.fromEntries([...message.header].map(([name, values]) => [name, values.join(', ')]));
  const event = { sequence: message.seq, timeMs: message.time.getTime(), headers, shownRows: 0, shownColumns: 0 };
  if (message.seq === knownSequence) return { ...event, payload: Buffer.alloc(0) };
  if (pictureSide === 0) return { ...event, payload: Buffer.from(message.data) };
  const claim = readClaim(headers);
  const bytes = claim ? await readClaimedPayload(claim, options) : message.data;
  const array = floatArrayOf(bytes, { dtype: headers[dtypeHeader] ?? '', shape: parseShape(headers[shapeHeader]) });
  if (!array) return { ...event, payload: claim ? Buffer.alloc(0) : Buffer.from(message.data) };
  const { bytes: shown, rows, columns } = shrink(array, pictureSide);
  return { ...event, payload: Buffer.from(shown), shownRows: rows, shownColumns: columns };
}

async function readLast(subject: string, manager: JetStreamManager) {
  try {
    return (await manager.streams.getMessage(streams.events, { last_by_subj: subject })) ?? undefined;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === notFoundCode) return undefined;
    throw error;
  }
}
