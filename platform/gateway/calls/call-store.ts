/**
 * Asynchronous calls in JetStream: the request in CALLS until the call has ended, its state in CALL_RESULTS under one subject,
 * where each word replaces the one before. Every word names the one it follows: of two gateways one is refused.
 */
import { randomBytes } from 'node:crypto';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  callResultSubject,
  callSubject,
  type EventPublisher,
  encodeHeaders,
  messageIdHeader,
  readStream,
  streams,
} from '#broker';
import { type Clock, PlatformError } from '#common';
import { InvokeRequest, StoredCall } from '#proto';

export interface CallStoreOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
}

/** A call as it is stored now. */
export interface KnownCall {
  readonly call: StoredCall;
  readonly payload: Buffer;
  /** Of the stored word: what the next one follows. */
  readonly revision: number;
}

export const keepMsDefault = 24 * 3_600_000;
const keepMsMax = 7 * 24 * 3_600_000;
/** A call that has not ended is forgotten after this long, whatever became of it. */
const openMsMax = 7 * 24 * 3_600_000;
const callHeader = 'Pilotfish-Call';
const ttlHeader = 'Nats-TTL';
const expectedLastHeader = 'Nats-Expected-Last-Subject-Sequence';
const listWaitMs = 30_000;

export class CallStore {
  readonly #options: CallStoreOptions;

  constructor(options: CallStoreOptions) {
    this.#options = options;
  }

  /** Stores a call; it runs from then on. Throws `no-capacity` where there are too many. */
  async submit(request: InvokeRequest, keepMs: number): Promise<StoredCall> {
    const now = this.#options.clock.now();
    const keptMs = Math.min(keepMs || keepMsDefault, keepMsMax);
    const id = randomBytes(9).toString('base64url').replace(/[-_]/g, '0');
    const call = StoredCall.fromPartial({
      callId: `${request.function}.${id}`,
      function: request.function,
      state: 'queued',
      submittedAtMs: now,
      dueAtMs: now,
      // Told as a length until it has ended.
      keptUntilMs: keptMs,
    });
    // First what answers questions about it, then what makes it run.
    await this.write({ call, payload: Buffer.alloc(0), revision: 0 });
    const headers: [string, string][] = [[messageIdHeader, call.callId]];
    await this.#publish(
      callSubject(request.function, id),
      Buffer.from(InvokeRequest.encode(request).finish()),
      headers,
    );
    return call;
  }

  /** Throws `not-found` for a call that never was, or whose result is kept no longer. */
  async get(callId: string): Promise<KnownCall> {
    const found = await this.find(callId);
    if (found) return found;
    throw new PlatformError('not-found', `there is no call "${callId}"`, {
      hint: 'Results are kept for a set time: `pilotfish calls list` shows those that are there.',
    });
  }

  async find(callId: string): Promise<KnownCall | undefined> {
    const stored = await this.#options.manager.streams.getMessage(streams.callResults, {
      last_by_subj: subjectOf(callId),
    });
    const text = stored?.header?.get(callHeader);
    if (!stored || !text) return undefined;
    return { call: callOf(text), payload: Buffer.from(stored.data), revision: stored.seq };
  }

  /** The next word on a call. Throws `conflict` where another gateway has had it. */
  async write({ call, payload, revision }: KnownCall): Promise<void> {
    const ended = isEnded(call);
    const ttlMs = ended ? Math.max(1_000, call.keptUntilMs - this.#options.clock.now()) : openMsMax;
    await this.#publish(subjectOf(call.callId), payload, [
      [messageIdHeader, `${call.callId}.${call.state}.${call.attempts}.${revision}`],
      [expectedLastHeader, String(revision)],
      [ttlHeader, `${Math.ceil(ttlMs / 1_000)}s`],
      [callHeader, JSON.stringify(call)],
    ]);
  }

  /** All of a function, or of all functions, in the order of their last words. */
  async *list(functionName: string, signal: AbortSignal): AsyncGenerator<StoredCall, void, void> {
    const { connection, clock } = this.#options;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(listWaitMs)]);
    const found: StoredCall[] = [];
    const messages = await readStream({
      connection,
      clock,
      stream: streams.callResults,
      filter: callResultSubject(functionName || '*', '*'),
      from: 'all',
      headersOnly: true,
      untilCurrent: true,
      signal: bounded,
    });
    for await (const { headers } of messages) {
      const text = headers?.get(callHeader);
      if (text) found.push(callOf(text));
    }
    if (bounded.aborted && !signal.aborted) throw new PlatformError('timeout', 'the calls cannot be read');
    yield* found.sort((a, b) => a.submittedAtMs - b.submittedAtMs);
  }

  #publish(subject: string, payload: Uint8Array, headers: [string, string][]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#options.publisher.publish(subject, payload, encodeHeaders(headers), (error) =>
      error ? reject(error) : resolve(),
    );
    return promise;
  }
}

export function isEnded({ state }: StoredCall): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

function callOf(text: string): StoredCall {
  return StoredCall.fromPartial(JSON.parse(text) as object);
}

/** Throws `usage` for what is no call's id. */
function subjectOf(callId: string): string {
  const [functionName = '', id = '', ...rest] = callId.split('.');
  if (rest.length === 0 && /^[a-z][a-z0-9-]{0,62}$/.test(functionName) && /^[A-Za-z0-9]{1,32}$/.test(id))
    return callResultSubject(functionName, id);
  throw new PlatformError('usage', `"${callId}" is no id of a call`, { hint: '`pilotfish calls list` shows them.' });
}
