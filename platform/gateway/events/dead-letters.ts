/** A function's dead letters: read, given back to the function (R4), deleted. */
import { type JetStreamManager, jetstream, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type DeadLetterBody,
  deadLetterSubject,
  encodeRetry,
  eventName,
  eventSubject,
  readStream,
  retryId,
  retrySubject,
  streams,
} from '#broker';
import { claimedBytes } from '#claims';
import { PlatformError, systemClock } from '#common';
import type {
  DeadLetter,
  GetDeadLetterResponse,
  ListDeadLettersRequest,
  ListDeadLettersResponse,
  PurgeDeadLettersRequest,
  PurgeDeadLettersResponse,
  RedriveDeadLettersRequest,
  RedriveDeadLettersResponse,
} from '#proto';
import type { Registry } from '#registry';

export interface DeadLetterOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly registry: Registry;
}

interface Letter {
  readonly sequence: number;
  readonly timeMs: number;
  readonly body: DeadLetterBody;
}

export async function* listDeadLetters(
  request: ListDeadLettersRequest,
  options: DeadLetterOptions,
  signal: AbortSignal,
): AsyncGenerator<ListDeadLettersResponse, void, void> {
  const most = request.limit || Number.POSITIVE_INFINITY;
  let listed = 0;
  for await (const letter of readLetters(request.function, options, signal)) {
    yield { letter: describe(letter, options.registry, false) };
    if (++listed >= most) return;
  }
  // Those of a function that was removed are there still; of one that never was there are none.
  if (listed === 0) options.registry.get(request.function);
}

/** Throws `not-found`. */
export async function getDeadLetter(
  functionName: string,
  sequence: number,
  options: DeadLetterOptions,
): Promise<GetDeadLetterResponse> {
  const letter = await readLetter(functionName, sequence, options);
  const { data, headers } = letter.body.event;
  return { letter: describe(letter, options.registry, true), payload: Buffer.from(data, 'base64'), headers };
}

/** Each event is stored as a retry before its letter is deleted: in between there may be both, never neither. */
export async function redriveDeadLetters(
  request: RedriveDeadLettersRequest,
  options: DeadLetterOptions,
  signal: AbortSignal,
): Promise<RedriveDeadLettersResponse> {
  const { connection, manager, registry } = options;
  // Nobody would read the events of a function that is gone.
  registry.get(request.function);
  const js = jetstream(connection);
  const counts = { redriven: 0, kept: 0 };
  for await (const letter of chosenLetters(request.function, request.sequences, options, signal)) {
    const { event, trigger, redriven = 0 } = letter.body;
    if (!isRedrivable(letter.body, registry)) {
      counts.kept++;
      continue;
    }
    const origin = { ...event, timeMs: event.time, subject: storedSubject(event) };
    const eventId = eventIdOf(letter.body);
    const mark = { notBeforeMs: 0, redriven: redriven + 1 };
    const headers = encodeRetry(origin, mark, event.headers, retryId(eventId, `r${letter.sequence}`));
    await js.publish(retrySubject(request.function, trigger), Buffer.from(event.data, 'base64'), { headers });
    await manager.streams.deleteMessage(streams.deadLetters, letter.sequence, false);
    counts.redriven++;
  }
  return counts;
}

export async function purgeDeadLetters(
  request: PurgeDeadLettersRequest,
  options: DeadLetterOptions,
): Promise<PurgeDeadLettersResponse> {
  const { manager, registry } = options;
  if (request.sequences.length === 0) {
    const filter = deadLetterSubject(request.function);
    const { purged } = await manager.streams.purge(streams.deadLetters, { filter });
    if (purged === 0) registry.get(request.function);
    return { purged };
  }
  await requireLetters(request.function, request.sequences, options);
  for (const sequence of request.sequences) await manager.streams.deleteMessage(streams.deadLetters, sequence, false);
  return { purged: request.sequences.length };
}

async function* chosenLetters(
  functionName: string,
  sequences: readonly number[],
  options: DeadLetterOptions,
  signal: AbortSignal,
): AsyncGenerator<Letter, void, void> {
  if (sequences.length === 0) return yield* readLetters(functionName, options, signal);
  await requireLetters(functionName, sequences, options);
  for (const sequence of sequences) yield await readLetter(functionName, sequence, options);
}

/** Before anything is done: a number that is wrong would leave those before it done and those behind it not. Throws `not-found`. */
async function requireLetters(
  functionName: string,
  sequences: readonly number[],
  options: DeadLetterOptions,
): Promise<void> {
  for (const sequence of sequences) await readLetter(functionName, sequence, options);
}

/** All that are stored now, oldest first. */
async function* readLetters(
  functionName: string,
  { connection }: DeadLetterOptions,
  signal: AbortSignal,
): AsyncGenerator<Letter, void, void> {
  const messages = await readStream({
    connection,
    stream: streams.deadLetters,
    filter: deadLetterSubject(functionName),
    from: 'all',
    untilCurrent: true,
    signal,
    clock: systemClock,
  });
  for await (const message of messages) {
    const { streamSequence: sequence, timestampNanos } = message.info;
    yield { sequence, timeMs: Math.floor(timestampNanos / 1e6), body: message.json<DeadLetterBody>() };
  }
}

async function readLetter(
  functionName: string,
  sequence: number,
  { manager, registry }: DeadLetterOptions,
): Promise<Letter> {
  const message: StoredMsg | null = await manager.streams.getMessage(streams.deadLetters, { seq: sequence });
  if (message?.subject !== deadLetterSubject(functionName)) {
    registry.get(functionName);
    throw new PlatformError('not-found', `${functionName} has no dead letter ${sequence}`, {
      hint: `\`pilotfish dlq list ${functionName}\` shows those that are there.`,
    });
  }
  return { sequence, timeMs: message.time.getTime(), body: message.json<DeadLetterBody>() };
}

/** The letter names a plain event's subject as users write it; a gather event's is stored as it is. */
function storedSubject({ stream, subject }: DeadLetterBody['event']): string {
  return stream === streams.events ? eventSubject(subject) : subject;
}

/** As the function was told it. */
function eventIdOf({ function: name, trigger, event }: DeadLetterBody): string {
  const { stream, sequence, member } = event;
  return `${name}.${trigger}.${stream}.${eventName({ streamSequence: sequence, ...(member === undefined ? {} : { member }) })}`;
}

function isRedrivable({ function: name, trigger, event }: DeadLetterBody, registry: Registry): boolean {
  const whole = event.bytes !== undefined && (event.bytes === 0 || event.data !== '');
  const known = registry.list().find((entry) => entry.name === name);
  return whole && !!known && !!registry.latest(name).spec?.triggers.some((each) => each.name === trigger);
}

function describe({ sequence, timeMs, body }: Letter, registry: Registry, stacks: boolean): DeadLetter {
  const { event } = body;
  return {
    sequence,
    timeMs,
    function: body.function,
    version: body.version,
    digest: body.digest,
    trigger: body.trigger,
    reason: body.reason,
    redriven: body.redriven ?? 0,
    traceparent: body.traceparent,
    subject: event.subject,
    eventSequence: event.sequence,
    eventId: eventIdOf(body),
    eventBytes: claimedBytes(event.headers) ?? event.bytes ?? 0,
    eventTimeMs: event.time,
    redrivable: isRedrivable(body, registry),
    attempts: body.attempts.map(({ time, node, instance, durationMs, error, stack, lost = false }) => ({
      timeMs: time,
      node,
      instance,
      durationMs,
      error,
      stack: stacks ? stack : '',
      lost,
    })),
  };
}
