/**
 * Reads a stream's messages in order by asking for one after the other. `readStream` is faster and hears at once of what is
 * new, but it makes a consumer, and tokens may make none (token-account.ts).
 */
import { type DirectMsgRequest, type JsMsg, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import { messageOf, PlatformError } from '#common';
import { tokenApi } from '../subjects.ts';
import { bodySizeHeader } from './message-headers.ts';
import type { ReadStreamOptions } from './read-stream.ts';

/** What readers of a stream are given; a consumer's message is one. */
export type StreamMessage = Pick<JsMsg, 'subject' | 'data' | 'headers' | 'seq'> & {
  readonly info: { readonly timestampNanos: number };
};

export type AskStreamOptions = Omit<ReadStreamOptions, 'untilCurrent'>;

/** How long what is new may lie before it is seen. */
const lookEveryMs = 100;
const askAgainMs = 1_000;
/** Asked in vain before it is said that nobody answers: each try takes up to 5 s. */
const triesMax = 4;
/** What the server adds to an answer, beside the message's own headers. */
const answerHeaders = ['Nats-Stream', 'Nats-Subject', 'Nats-Sequence', 'Nats-Time-Stamp', 'Nats-Num-Pending'];

/** Resolves once a server has answered; throws `unavailable` when none does after several tries. */
export async function askStream(options: AskStreamOptions): Promise<AsyncGenerator<StreamMessage, void, void>> {
  const { connection, stream, from, signal } = options;
  const manager = await jetstreamManager(connection, { apiPrefix: tokenApi, checkAPI: false });
  const { state } = await answered(options, triesMax, () => manager.streams.info(stream));
  const get = (query: DirectMsgRequest) =>
    answered(options, Number.POSITIVE_INFINITY, () => manager.direct.getMessage(stream, query));
  const start = from === 'new' ? { sequence: state.last_seq + 1 } : from === 'all' ? { sequence: 1 } : from;
  return follow(options, start, (query) => (signal?.aborted ? Promise.resolve(null) : get(query)));
}

async function* follow(
  { filter = '>', headersOnly = false, signal, clock, connection }: AskStreamOptions,
  start: { readonly sequence: number } | { readonly sinceMs: number },
  get: (query: DirectMsgRequest) => Promise<StoredMsg | null>,
): AsyncGenerator<StreamMessage, void, void> {
  let next: DirectMsgRequest =
    'sequence' in start
      ? { seq: start.sequence, next_by_subj: filter }
      : { start_time: new Date(start.sinceMs), next_by_subj: filter };
  try {
    while (!signal?.aborted) {
      const answer = await get(next);
      if (!answer) {
        await clock.sleep(lookEveryMs, signal);
        continue;
      }
      const message = messageIn(answer, headersOnly);
      yield message;
      next = { seq: message.seq + 1, next_by_subj: filter };
    }
  } catch (error) {
    // Nobody waits any more: that is an end, not a failure.
    if (!signal?.aborted && !connection.isClosed()) throw error;
  }
}

/** As a consumer would give it. The answer's own fields are read from its headers, so they are taken first. */
function messageIn(answer: StoredMsg, headersOnly: boolean): StreamMessage {
  const { subject, seq, header: headers, time } = answer;
  for (const name of answerHeaders) headers.delete(name);
  if (headersOnly) headers.set(bodySizeHeader, String(answer.data.byteLength));
  const data = headersOnly ? new Uint8Array() : answer.data;
  return { subject, data, headers, seq, info: { timestampNanos: time.getTime() * 1e6 } };
}

/** Servers come and go, and a message that is not there is an answer, too. */
async function answered<T>(
  { connection, stream, signal, clock }: AskStreamOptions,
  tries: number,
  ask: () => Promise<T>,
): Promise<T> {
  for (let left = tries - 1; ; left--) {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (left <= 0 || connection.isClosed()) {
        throw new PlatformError('unavailable', `no server answers for ${stream}: ${messageOf(error)}`, {
          hint: 'Is the pilot up? `pilotfish pilot list` shows its state.',
          cause: error,
        });
      }
      await clock.sleep(askAgainMs, signal);
    }
  }
}
