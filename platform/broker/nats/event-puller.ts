/**
 * Pulls events of one durable consumer by credit: the owner says how many it can take, the puller keeps so many asked for.
 * The client's own consume() re-asks on arrival, which is no back-pressure for handlers that take time.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Clock } from '#common';
import { pullSubject, type StreamName } from '../subjects.ts';
import type { PulledEvent } from './pulled-event.ts';
import { messageBytesMax } from './topology.ts';

export interface EventPullerOptions {
  readonly connection: NatsConnection;
  /** The connection's inbox prefix. */
  readonly inbox: string;
  readonly stream: StreamName;
  readonly consumer: string;
  readonly clock: Clock;
  readonly onEvent: (event: PulledEvent) => void;
}

/** A pull lives at most this long at the server, below the lease of 6 s: a dead agent's pulls take no events with them. */
const pullExpiresMs = 5_000;
/** A pull that neither filled nor ended by this long after its end was lost with its server. */
const pullLostMs = 1_500;
/** Events asked for in one pull at most; the server answers a pull in one burst. */
const pullBatchMax = 512;

/** Weight of an event in the smoothed size of events. */
const eventBytesWeight = 1 / 8;

/** Status 409 of a pull whose next event would be over its bytes. */
const bytesUsedUp = /maxbytes/i;

interface OpenPull {
  remaining: number;
  /** Of the bytes that it may still bring. */
  bytes: number;
  readonly endsAt: number;
}

export class EventPuller {
  readonly #options: EventPullerOptions;
  readonly #subject: string;
  #inbox = '';
  #subscription: Subscription;
  readonly #pulls = new Map<string, OpenPull>();
  #outstanding = 0;
  #credit = 0;
  /** Of an event, smoothed; 0 before the first one. */
  #eventBytes = 0;
  #creditBytes = Number.POSITIVE_INFINITY;
  #nextPull = 1;
  #closed = false;

  constructor(options: EventPullerOptions) {
    this.#options = options;
    this.#subject = pullSubject(options.stream, options.consumer);
    this.#subscription = this.#subscribe();
  }

  /** Events that may still arrive. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /**
   * States how many events the owner can take now, and how many bytes of them, those asked for already included. Without the
   * bytes a burst of frames behind small events would come all at once: hundreds of times 16 MB (R6).
   */
  setCredit(credit: number, bytes = Number.POSITIVE_INFINITY): void {
    this.#credit = credit;
    this.#creditBytes = bytes;
    // Asking again for each single event would double the server's work: wait until half is used up.
    const missing = credit - this.#outstanding;
    if (missing <= 0 || (this.#outstanding > 0 && missing < credit / 2)) return;
    const free = bytes - this.#bytesAsked();
    if (free <= 0) return;
    // Half of it: the next pull is to be under way before this one is used up. One that the largest event does not fit into
    // would end with nothing, again and again: with less left than that, the number of events bounds it.
    if (free >= messageBytesMax) this.#pull(Math.min(missing, pullBatchMax), free / 2);
    else if (this.#pulls.size === 0) this.#pull(Math.min(missing, this.#eventsIn(free)), free);
  }

  /** Of events like the last ones; one where none has come, and where none would fit. */
  #eventsIn(bytes: number): number {
    return this.#eventBytes === 0 ? 1 : Math.max(1, Math.min(pullBatchMax, Math.floor(bytes / this.#eventBytes)));
  }

  /** Called each second or so: pulls that a restarted server forgot are asked for again. */
  checkLost(): void {
    const now = this.#options.clock.monotonic();
    for (const [token, pull] of this.#pulls) if (now > pull.endsAt + pullLostMs) this.#end(token, pull);
    this.setCredit(this.#credit, this.#creditBytes);
  }

  /** After a reconnect: the server has forgotten all pulls. */
  reset(): void {
    this.#pulls.clear();
    this.#outstanding = 0;
    this.setCredit(this.#credit, this.#creditBytes);
  }

  /**
   * Takes back what was asked for, as far as the server has not answered: it drops a pull whose inbox nobody listens at. What
   * was on its way still arrives.
   */
  withdraw(): void {
    const before = this.#subscription;
    this.#subscription = this.#subscribe();
    this.#pulls.clear();
    this.#outstanding = 0;
    this.#credit = 0;
    before.drain().catch(() => undefined);
  }

  /** No event arrives after the returned promise; pulls still open end at the server by themselves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#subscription.unsubscribe();
    await this.#options.connection.flush().catch(() => undefined);
  }

  #subscribe(): Subscription {
    const { connection, inbox, consumer } = this.#options;
    const own = `${inbox}.pull.${consumer}.${Math.random().toString(36).slice(2)}`;
    this.#inbox = own;
    return connection.subscribe(`${own}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message, own);
      },
    });
  }

  #bytesAsked(): number {
    let sum = 0;
    for (const { bytes } of this.#pulls.values()) sum += bytes;
    return sum;
  }

  #pull(batch: number, bytes: number): void {
    if (this.#closed || this.#options.connection.isClosed()) return;
    const token = String(this.#nextPull++);
    const bounded = Number.isFinite(bytes) ? Math.ceil(Math.max(bytes, messageBytesMax)) : 0;
    this.#pulls.set(token, {
      remaining: batch,
      bytes: bounded,
      endsAt: this.#options.clock.monotonic() + pullExpiresMs,
    });
    this.#outstanding += batch;
    const limit = bounded > 0 ? `,"max_bytes":${bounded}` : '';
    this.#options.connection.publish(this.#subject, `{"batch":${batch},"expires":${pullExpiresMs}000000${limit}}`, {
      reply: `${this.#inbox}.${token}`,
    });
  }

  #receive(message: Msg, inbox: string): void {
    const { reply } = message;
    const asked = inbox === this.#inbox;
    if (reply?.startsWith('$JS.ACK.')) {
      if (asked) this.#countOne(message.data.length);
      this.#options.onEvent(parsePulled(message, reply));
      return;
    }
    if (!asked) return;
    // A status: the pull it names is over, whatever it still had to give.
    const token = message.subject.slice(this.#inbox.length + 1);
    const pull = this.#pulls.get(token);
    if (!pull || message.headers?.code === 100) return;
    this.#end(token, pull);
    // 409 "consumer deleted" and the like would answer at once, for ever: the next checkLost() asks again.
    const { code = 0, description = '' } = message.headers ?? {};
    if (code === 408 || (code === 409 && bytesUsedUp.test(description)))
      this.setCredit(this.#credit, this.#creditBytes);
  }

  /** Events do not name their pull; the server serves pulls in order, so the oldest one gave it. */
  #countOne(bytes: number): void {
    if (this.#outstanding > 0) this.#outstanding--;
    // What was stated held this one, too: until the owner states anew, `checkLost` may ask for what is left of it only.
    this.#credit = Math.max(0, this.#credit - 1);
    this.#creditBytes = Math.max(0, this.#creditBytes - bytes);
    // An empty one is something, too: 0 stands for none.
    this.#eventBytes += (this.#eventBytes === 0 ? 1 : eventBytesWeight) * (Math.max(1, bytes) - this.#eventBytes);
    for (const [token, pull] of this.#pulls) {
      pull.bytes = Math.max(0, pull.bytes - bytes);
      if (--pull.remaining <= 0) this.#pulls.delete(token);
      return;
    }
  }

  #end(token: string, pull: OpenPull): void {
    this.#pulls.delete(token);
    this.#outstanding = this.#pulls.size === 0 ? 0 : Math.max(0, this.#outstanding - pull.remaining);
  }
}

/** $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending> (v1 of the ack subject). */
function parsePulled(message: Msg, ackSubject: string): PulledEvent {
  const { deliveries, streamSequence, timeMs } = parseAckSubject(ackSubject);
  return { message, subject: message.subject, ackSubject, deliveries, streamSequence, timeMs };
}

const dot = 46;
const zero = 48;

/** In one pass over the characters, once an event: a split makes nine strings of it and costs twice as much, and so does a list. */
export function parseAckSubject(ackSubject: string): Pick<PulledEvent, 'deliveries' | 'streamSequence' | 'timeMs'> {
  // The v2 form has a domain and an account hash in front of the stream's name.
  const shift = dotsIn(ackSubject) > 8 ? 2 : 0;
  const deliveriesAt = placeOf(ackSubject, 4 + shift, 0);
  const sequenceAt = ackSubject.indexOf('.', deliveriesAt) + 1;
  const timeAt = placeOf(ackSubject, 2, sequenceAt);
  return {
    deliveries: numberAt(ackSubject, deliveriesAt),
    streamSequence: numberAt(ackSubject, sequenceAt),
    timeMs: Math.floor(numberAt(ackSubject, timeAt) / 1e6),
  };
}

function dotsIn(text: string): number {
  let dots = 0;
  for (let at = text.indexOf('.'); at >= 0; at = text.indexOf('.', at + 1)) dots++;
  return dots;
}

/** Where the token so many dots behind `from` begins. */
function placeOf(text: string, dots: number, from: number): number {
  let at = from;
  for (let passed = 0; passed < dots; passed++) at = text.indexOf('.', at) + 1;
  return at;
}

/** Of the token that begins there. */
function numberAt(text: string, from: number): number {
  let number = 0;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === dot) break;
    number = number * 10 + code - zero;
  }
  // Nanoseconds since 1970 are more digits than a sum keeps.
  return number <= Number.MAX_SAFE_INTEGER ? number : Number(text.slice(from, at));
}
