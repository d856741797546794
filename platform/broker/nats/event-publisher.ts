/**
 * Publishes into streams with one reply subject a publish and waits for each PubAck (R2). The client's own publish()
 * builds an error object for every success and costs four times as much.
 */
import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type Clock, type ErrorCode, messageOf, PlatformError, SlotMap } from '#common';
import { messageBytesMax } from './topology.ts';

export interface EventPublisherOptions {
  readonly connection: NatsConnection;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  readonly clock: Clock;
}

/**
 * Told once: without an error when the stream has stored the message (or had it already), with one when it refused.
 * The answer in bytes is parsed by whoever wants to know more (`readPubAck`); most do not.
 */
export type Settled = (error: PlatformError | undefined, answer?: Uint8Array) => void;

export interface PubAck {
  readonly sequence: number;
  /** The stream had the message already. */
  readonly duplicate: boolean;
}

export function readPubAck(answer: Uint8Array): PubAck {
  const { seq, duplicate = false } = JSON.parse(Buffer.from(answer).toString('utf8')) as {
    seq: number;
    duplicate?: boolean;
  };
  return { sequence: seq, duplicate };
}

/** No PubAck within this long: the same message is sent again; its id makes the stream drop a double. */
const pubAckWaitMs = 3_000;
/** After so many silent sends the publish fails; the event behind it is then redelivered. */
const sendsMax = 5;

interface OpenPublish {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
  readonly settled: Settled;
  sentAt: number;
  sends: number;
}

export class EventPublisher {
  readonly #options: EventPublisherOptions;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #open = new SlotMap<number, OpenPublish>();
  #next = 1;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
    this.#inbox = `${options.inbox}.pub.${Math.random().toString(36).slice(2)}.`;
    this.#subscription = options.connection.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message);
      },
    });
  }

  /** Publishes without PubAck yet. */
  get openPublishes(): number {
    return this.#open.size;
  }

  /** The headers must carry a message id (`encodeHeadersWithId`): a publish may be sent more than once. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs, settled: Settled): void {
    const token = this.#next++;
    const open: OpenPublish = { subject, payload, headers, settled, sentAt: 0, sends: 0 };
    this.#open.set(token, open);
    this.#send(token, open);
  }

  /** Called each second or so: sends again what has had no answer. */
  checkLost(): void {
    const now = this.#options.clock.monotonic();
    for (const [token, open] of this.#open.entries())
      if (now - open.sentAt > pubAckWaitMs) this.#sendAgain(token, open);
  }

  /** After a reconnect: answers of the old connection will not come. */
  reset(): void {
    for (const [token, open] of this.#open.entries()) this.#send(token, open);
  }

  close(): void {
    this.#subscription.unsubscribe();
    const error = new PlatformError('unavailable', 'the connection to the broker was closed before the PubAck came');
    for (const open of this.#open.values()) open.settled(error);
    this.#open.clear();
  }

  #send(token: number, open: OpenPublish): void {
    open.sentAt = this.#options.clock.monotonic();
    open.sends++;
    try {
      this.#options.connection.publish(open.subject, open.payload, {
        headers: open.headers,
        reply: `${this.#inbox}${token}`,
      });
    } catch (error) {
      this.#settle(token, open, this.#unsendable(open, error));
    }
  }

  /** The client refuses by itself what the server would drop the connection for: such a message fails each time. */
  #unsendable({ subject, payload }: OpenPublish, error: unknown): PlatformError {
    const { connection } = this.#options;
    if (connection.isClosed() || connection.isDraining()) {
      return new PlatformError('unavailable', 'the connection to the broker is closed');
    }
    return new PlatformError(
      'invalid',
      `${payload.length} bytes for ${subject} cannot be published: ${messageOf(error)}`,
      {
        hint: `One event has at most ${messageBytesMax} bytes, headers included.`,
        cause: error,
      },
    );
  }

  #sendAgain(token: number, open: OpenPublish): void {
    if (open.sends < sendsMax) return this.#send(token, open);
    this.#settle(
      token,
      open,
      new PlatformError('unavailable', `no PubAck for ${open.subject} after ${sendsMax} sends`),
    );
  }

  #receive(message: Msg): void {
    const token = Number(message.subject.slice(this.#inbox.length));
    const open = this.#open.get(token);
    if (!open) return;
    const { data } = message;
    // {"stream":...} is the usual answer; only {"error":...} (or an empty 503) is worth parsing.
    if (data.length > 2 && data[2] !== 0x65) return this.#settle(token, open, undefined, data);
    this.#settle(token, open, refusal(open.subject, data));
  }

  #settle(token: number, open: OpenPublish, error: PlatformError | undefined, answer?: Uint8Array): void {
    this.#open.delete(token);
    open.settled(error, answer);
  }
}

function refusal(subject: string, data: Uint8Array): PlatformError {
  if (data.length === 0) {
    return new PlatformError('unavailable', `no stream takes ${subject} now`, {
      hint: 'JetStream may be starting; it is tried again.',
    });
  }
  const answer = JSON.parse(Buffer.from(data).toString('utf8')) as {
    error?: { err_code?: number; description?: string };
  };
  const description = answer.error?.description ?? 'refused';
  return new PlatformError(refusalCode(answer.error?.err_code), `the stream refused ${subject}: ${description}`);
}

function refusalCode(serverCode: number | undefined): ErrorCode {
  // 10077: maximum bytes (or messages) exceeded, R8: a full stream refuses the publisher.
  if (serverCode === 10077) return 'no-capacity';
  // 10054: over the stream's largest message; the same one will be each time.
  if (serverCode === 10054) return 'payload-too-large';
  // 10071: not the last sequence that the publisher expected; sending it again is refused for good (G4).
  return serverCode === 10071 ? 'conflict' : 'unavailable';
}
