/**
 * Reads a stream's messages of one subject in order, without acks and without gaps: a short-lived push consumer with
 * flow control and heartbeats, made anew after the last message read whenever it falls silent or skips (a server that
 * was restarted forgets it).
 */
import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Clock } from '#common';
import type { StreamName } from '../subjects.ts';

export interface StoredMessage {
  readonly message: Msg;
  readonly sequence: number;
  /** When the stream stored it, milliseconds since 1970. */
  readonly timeMs: number;
}

export interface StreamReaderOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  readonly stream: StreamName;
  /** Stored subject, with wildcards. */
  readonly filter: string;
  /** First sequence to read. */
  readonly from: number;
  /** Messages without payload; header Nats-Msg-Size tells its bytes. */
  readonly headersOnly: boolean;
  readonly clock: Clock;
  /** In the order of the stream, each once. */
  readonly onMessage: (stored: StoredMessage) => void;
  /** All that was stored when this was sent has been given. May be called often. */
  readonly onCurrent?: () => void;
  /** Reading could not go on for now; it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
}

const heartbeatMs = 500;
/** Three heartbeats missed: the consumer is gone, or the way to it. */
const silenceMs = 1_500;
/** The server ends a consumer that nobody listens to after this long. */
const inactiveMs = 5_000;
const createTimeoutMs = 2_000;
const nanosecondsPerMs = 1_000_000;
/** Status that carries heartbeats and flow control. */
const idleStatus = 100;
const stalledHeader = 'Nats-Consumer-Stalled';
const lastConsumerHeader = 'Nats-Last-Consumer';

/** One consumer at the server. */
interface Session {
  readonly subscription: Subscription;
  name: string | undefined;
  /** Messages given by this consumer. */
  delivered: number;
  /** Messages that waited when it was made; reading them all is catching up. */
  backlog: number | undefined;
}

export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #timer: NodeJS.Timeout;
  #session: Session | undefined;
  #opening = false;
  #closed = false;
  #next: number;
  #heardAt: number;
  #caughtUpAt: number | undefined;
  #currentAt: number | undefined;
  /** Server time minus monotonic time, never more than it is. */
  #serverOffsetMs = Number.NEGATIVE_INFINITY;
  #generation = 0;
  #pending = 0;
  /** Undefined while reading goes on; else where to answer the server's question whether there is room. */
  #held: Set<string> | undefined;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#next = options.from;
    this.#heardAt = options.clock.monotonic();
    this.#timer = setInterval(() => this.#check(), heartbeatMs);
    void this.#open();
  }

  /** Sequence of the next message at the earliest. */
  get next(): number {
    return this.#next;
  }

  /** Messages that wait behind the last one read, as far as is known. */
  get pending(): number {
    return this.#pending;
  }

  /** Monotonic time since when everything stored before the present consumer was made has been read. */
  get caughtUpAt(): number | undefined {
    return this.#caughtUpAt;
  }

  /** Server time up to which everything stored has been read, as far as is known; undefined before the first catching up. */
  get currentAsOfMs(): number | undefined {
    return this.#caughtUpAt === undefined || this.#currentAt === undefined
      ? undefined
      : this.#serverOffsetMs + this.#currentAt;
  }

  /** Asks the server for no more than what it has begun to send: its window of flow control, 32 MiB at most. */
  hold(): void {
    this.#held ??= new Set();
  }

  /** After `hold`. */
  goOn(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const reply of held ?? []) this.#options.connection.publish(reply);
  }

  /** No message is given after this returns. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#drop();
  }

  #check(): void {
    if (this.#options.clock.monotonic() - this.#heardAt > silenceMs) void this.#open();
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#closed || this.#options.connection.isClosed()) return;
    this.#opening = true;
    this.#drop();
    this.#held?.clear();
    this.#caughtUpAt = undefined;
    this.#currentAt = undefined;
    const inbox = `${this.#options.inbox}.read.${Math.random().toString(36).slice(2)}.${this.#generation++}`;
    const session: Session = {
      subscription: this.#subscribe(inbox),
      name: undefined,
      delivered: 0,
      backlog: undefined,
    };
    this.#session = session;
    try {
      const info = await this.#createConsumer(inbox);
      this.#opened(session, info);
    } catch (error) {
      if (!this.#closed) this.#options.onTrouble?.(error);
    } finally {
      this.#opening = false;
      // A failed attempt is followed by the next one after the usual silence.
      this.#heardAt = this.#options.clock.monotonic();
    }
  }

  #createConsumer(inbox: string): Promise<ConsumerInfo> {
    const { manager, stream, filter, headersOnly } = this.#options;
    const created = manager.consumers.add(stream, {
      deliver_subject: inbox,
      filter_subject: filter,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, this.#next),
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      headers_only: headersOnly,
      flow_control: true,
      idle_heartbeat: heartbeatMs * nanosecondsPerMs,
      inactive_threshold: inactiveMs * nanosecondsPerMs,
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
    });
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`no answer to a consumer on ${stream} within ${createTimeoutMs} ms`)),
      createTimeoutMs,
    );
    // The loser of the race must not end the process.
    created.catch(() => undefined);
    return Promise.race([created, promise]).finally(() => clearTimeout(timer));
  }

  #opened(session: Session, info: ConsumerInfo): void {
    session.name = info.name;
    if (this.#closed || this.#session !== session) return this.#delete(info.name);
    // Messages may have come before this answer: those waiting at its making are what it counts and what was given.
    session.backlog = info.delivered.consumer_seq + info.num_pending;
    if (session.delivered === 0) this.#pending = info.num_pending;
    if (info.ts) this.#learnServerTime(Date.parse(info.ts));
    this.#noteCaughtUp(session);
    if (info.num_pending === 0 && session.delivered >= session.backlog) this.#noteCurrent();
  }

  #subscribe(inbox: string): Subscription {
    const subscription = this.#options.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error || this.#session?.subscription !== subscription) return;
        this.#heardAt = this.#options.clock.monotonic();
        const { reply } = message;
        if (reply?.startsWith('$JS.ACK.')) this.#receive(this.#session, message, reply);
        else this.#receiveStatus(this.#session, message, reply);
      },
    });
    return subscription;
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    if (!session) return;
    session.subscription.unsubscribe();
    if (session.name) this.#delete(session.name);
  }

  /** Best effort: a consumer that is not deleted ends by itself. */
  #delete(name: string): void {
    const { manager, stream, connection } = this.#options;
    if (!connection.isClosed()) manager.consumers.delete(stream, name).catch(() => undefined);
  }

  #learnServerTime(timeMs: number): void {
    const offset = timeMs - this.#options.clock.monotonic();
    if (offset > this.#serverOffsetMs) this.#serverOffsetMs = offset;
  }

  #noteCurrent(): void {
    this.#currentAt = this.#options.clock.monotonic();
    this.#options.onCurrent?.();
  }

  #noteCaughtUp(session: Session): void {
    if (this.#caughtUpAt !== undefined || session.backlog === undefined) return;
    if (session.delivered >= session.backlog) this.#caughtUpAt = this.#options.clock.monotonic();
  }

  /** $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>, v2 with two more in front. */
  #receive(session: Session, message: Msg, reply: string): void {
    const tokens = reply.split('.');
    const shift = tokens.length > 9 ? 2 : 0;
    if (Number(tokens[6 + shift]) !== session.delivered + 1) {
      // One was lost on the way: read again from the first that is missing.
      void this.#open();
      return;
    }
    session.delivered++;
    const sequence = Number(tokens[5 + shift]);
    const timeMs = Math.floor(Number(tokens[7 + shift]) / 1e6);
    this.#next = sequence + 1;
    this.#learnServerTime(timeMs);
    this.#options.onMessage({ message, sequence, timeMs });
    this.#noteCaughtUp(session);
    this.#pending = Number(tokens[8 + shift]);
    if (this.#pending === 0 && !this.#closed) this.#noteCurrent();
  }

  #answer(question: string): void {
    if (this.#held) this.#held.add(question);
    else this.#options.connection.publish(question);
  }

  #receiveStatus(session: Session, message: Msg, reply: string | undefined): void {
    const { headers } = message;
    if (headers?.code !== idleStatus) {
      // 409: the consumer or the stream is gone.
      void this.#open();
      return;
    }
    if (reply) return this.#answer(reply);
    const stalled = headers.get(stalledHeader);
    if (stalled !== '') this.#answer(stalled);
    else if (Number(headers.get(lastConsumerHeader)) !== session.delivered) void this.#open();
    else if (session.backlog !== undefined) {
      this.#noteCaughtUp(session);
      this.#noteCurrent();
    }
  }
}
