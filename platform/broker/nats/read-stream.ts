/**
 * Reads a stream's messages in order, as fast as they are taken, over whatever happens to the servers. The NATS client's
 * ordered consumer makes itself anew where a server says that it is gone; where the one server that held it is dead, nobody
 * says so, and it would ask for ever (seen with 3.4.0 and three brokers). So silence ends it here, and another one goes on
 * behind the last message.
 */
import {
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  type DeliveryInfo,
  type JsMsg,
  jetstream,
  jetstreamManager,
  type OrderedConsumerOptions,
} from '@nats-io/jetstream';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import { type Clock, messageOf, PlatformError } from '#common';
import type { StreamName } from '../subjects.ts';

/** "new": what is stored after the reading began. */
export type ReadStart = 'new' | 'all' | { readonly sequence: number } | { readonly sinceMs: number };

export interface ReadStreamOptions {
  readonly connection: NatsConnection;
  readonly stream: StreamName;
  /** Stored subject, with wildcards; left out, all of the stream. */
  readonly filter?: string;
  readonly from: ReadStart;
  /** Messages without payload. Default false. */
  readonly headersOnly?: boolean;
  /** Ends with what is stored now instead of waiting for more. Default false. */
  readonly untilCurrent?: boolean;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

/** Read ahead of the loop that takes the messages; the largest one is 16 MB. */
const aheadBytesMax = 32 * 2 ** 20;
/** A reader that went without a word is forgotten by the server after this. */
const inactiveMs = 30_000;
const heartbeatMs = 1_000;
const pullExpiresMs = 10_000;
/** Heartbeats missed that make a reader one of a dead server, beyond what the client mends itself. */
const silenceMs = 5 * heartbeatMs;
/** Servers asked for a reader until it is said that none keeps one: each try takes up to 5 s. */
const triesMax = 4;

interface Reader {
  readonly messages: ConsumerMessages;
  /** Nobody waits for it: a server that does not hear of it forgets the reader by itself. */
  readonly forget: () => void;
  /** Sequence of the first message that it can give. */
  readonly next: number;
  /** Messages that waited when it was made. */
  readonly waiting: number;
  /** As the server has it now. */
  readonly state: () => Promise<ConsumerInfo>;
}

/** Resolves once a server knows of the reader; throws `unavailable` when none does after several tries. */
export async function readStream(options: ReadStreamOptions): Promise<AsyncGenerator<JsMsg, void, void>> {
  return follow(options, await openReader(options, startOf(options.from), triesMax));
}

async function* follow(options: ReadStreamOptions, first: Reader): AsyncGenerator<JsMsg, void, void> {
  const { signal, connection, clock, untilCurrent = false } = options;
  let { messages, forget, next, waiting, state } = first;
  let last: DeliveryInfo | undefined;
  const stop = () => messages.stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    while (!signal?.aborted && !(untilCurrent && waiting === 0)) {
      // What waited may have been deleted meanwhile: then nothing comes, and nobody says so.
      const hasAll = async () => {
        const { name, num_pending, delivered } = await state();
        const taken = last?.consumer === name ? last.deliverySequence : 0;
        return num_pending === 0 && delivered.consumer_seq <= taken;
      };
      const watch = new SilenceWatch(messages, clock, untilCurrent ? hasAll : undefined);
      try {
        for await (const message of messages) {
          if (message.seq < next) continue;
          next = message.seq + 1;
          last = message.info;
          watch.pause();
          yield message;
          if (untilCurrent && message.info.pending === 0) return;
          watch.resume();
        }
      } finally {
        watch.close();
      }
      if (signal?.aborted || !watch.silent) return;
      forget();
      ({ messages, forget, waiting, state } = await openReader(
        options,
        startOf({ sequence: next }),
        Number.POSITIVE_INFINITY,
      ));
    }
  } catch (error) {
    // Nobody waits any more: that is an end, not a failure.
    if (!signal?.aborted && !connection.isClosed()) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    // Its end is only told to whoever goes on reading, so nobody waits for it here.
    messages.stop();
    forget();
  }
}

/** Where one server of three is dead, a third of the tries puts the reader there, and none answers. */
async function openReader(
  { connection, stream, filter, headersOnly = false, signal, clock }: ReadStreamOptions,
  start: Partial<OrderedConsumerOptions>,
  tries: number,
): Promise<Reader> {
  for (let left = tries - 1; ; left--) {
    const prefix = `oc_${nuid.next()}`;
    try {
      const consumer = await jetstream(connection).consumers.get(stream, {
        name_prefix: prefix,
        ...(filter === undefined ? {} : { filter_subjects: filter }),
        inactive_threshold: inactiveMs,
        headers_only: headersOnly,
        ...start,
      });
      const { delivered, num_pending: waiting } = await consumer.info(true);
      const messages = await consumer.consume({
        max_bytes: aheadBytesMax,
        expires: pullExpiresMs,
        idle_heartbeat: heartbeatMs,
      });
      const forget = () => void consumer.delete().catch(() => undefined);
      return { messages, forget, next: delivered.stream_seq + 1, waiting, state: () => consumer.info() };
    } catch (error) {
      void forgetReader(connection, stream, `${prefix}_1`);
      signal?.throwIfAborted();
      if (left <= 0 || connection.isClosed()) {
        throw new PlatformError('unavailable', `no server keeps a reader of ${stream}: ${messageOf(error)}`, {
          hint: 'Is the pilot up? `pilotfish pilot list` shows its state.',
          cause: error,
        });
      }
      await clock.sleep(heartbeatMs, signal);
    }
  }
}

/** The server may have made it all the same, and answered too late. */
async function forgetReader(connection: NatsConnection, stream: StreamName, name: string): Promise<void> {
  if (connection.isClosed()) return;
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await manager.consumers.delete(stream, name);
  } catch {
    // It was not made, or the server forgets it by itself.
  }
}

function startOf(from: ReadStart): Partial<OrderedConsumerOptions> {
  if (from === 'all') return { deliver_policy: DeliverPolicy.All };
  if (from === 'new') return { deliver_policy: DeliverPolicy.New };
  if ('sequence' in from) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from.sequence };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from.sinceMs).toISOString() };
}

/** Ends a reader of which nothing is heard, heartbeats neither, while somebody waits for its next message. */
class SilenceWatch {
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #heardAt: number;
  #isAwaited = true;
  #silent = false;

  /** `hasAll`: asked where nothing came between two heartbeats; true ends the reader, too. */
  constructor(messages: ConsumerMessages, clock: Clock, hasAll: (() => Promise<boolean>) | undefined) {
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    this.#timer = setInterval(() => {
      if (!this.#isAwaited || clock.monotonic() - this.#heardAt < silenceMs) return;
      this.#silent = true;
      messages.stop();
    }, heartbeatMs);
    void this.#listen(messages, hasAll);
  }

  get silent(): boolean {
    return this.#silent;
  }

  /** A message is in its taker's hands: the reader asks for no more, and the server has nothing to say. */
  pause(): void {
    this.#isAwaited = false;
  }

  resume(): void {
    this.#isAwaited = true;
    this.#heardAt = this.#clock.monotonic();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #listen(messages: ConsumerMessages, hasAll: (() => Promise<boolean>) | undefined): Promise<void> {
    for await (const { type } of messages.status()) {
      if (type !== 'heartbeat') continue;
      this.#heardAt = this.#clock.monotonic();
      if (!this.#isAwaited || !hasAll) continue;
      // A server that does not answer now is asked at the next heartbeat.
      const isDone = await hasAll().catch(() => false);
      if (isDone && this.#isAwaited) messages.stop();
    }
  }
}
