/**
 * One owner's time as the one that puts a trigger's events in line: reads them from the watermark on, and stores each in
 * its key's shard. Of a shard one publish is under way at a time, because a refused one must not be overtaken; an owner
 * that comes later begins again at the watermark, and what was stored already is dropped by its id.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import {
  type Buckets,
  decodeHeaders,
  type EventPublisher,
  encodeRetry,
  eventName,
  eventSubject,
  gatherKey,
  orderSubject,
  type StoredMessage,
  StreamReader,
  streams,
  userSubject,
} from '#broker';
import { type Clock, messageOf, type PlatformError } from '#common';
import { compileTemplate } from '#model';
import { decodePack, packHeader, readMemberHeaders } from '#packs';
import type { Trigger } from '#proto';
import { compileFilter, type EventFilter, shardOf } from '#routing';
import type { Logger } from '#telemetry';
import { type GatherOrigin, unorderedLetter } from '../gather/gather-letters.ts';
import { GatherMark } from '../gather/gather-mark.ts';

export interface SequencingOptions {
  readonly origin: GatherOrigin;
  readonly trigger: Trigger;
  /** As in the manifest: "{1}". */
  readonly key: string;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly epoch: number;
  /** False once the lease is over, even if nobody has told yet. */
  readonly isHeld: () => boolean;
}

interface Waiting {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
  readonly stored: StoredMessage;
  /** Monotonic time of the next try, for one that was refused. */
  tryAt: number | undefined;
}

/** One event of a message: itself, or a member of a pack. */
interface LineEvent {
  readonly member?: number;
  readonly payload: Uint8Array;
  readonly headers: Record<string, string>;
}

/** Read and not yet stored; past either bound nothing more is read (R6). */
const waitingMax = 2_048;
const waitingBytesMax = 32 * 2 ** 20;
const markEveryMs = 1_000;
const refusedWaitMs = 500;

export class Sequencing {
  readonly counts = undefined;
  readonly #options: SequencingOptions;
  readonly #mark: GatherMark;
  readonly #keyOf: (subject: string) => string;
  readonly #filter: EventFilter | undefined;
  readonly #lines = new Map<number, Waiting[]>();
  #reader: StreamReader | undefined;
  #next: number;
  #waiting = 0;
  #waitingBytes = 0;
  #markedAt: number;
  #writingMark = false;
  #over = false;

  private constructor(options: SequencingOptions, mark: GatherMark) {
    this.#options = options;
    this.#mark = mark;
    this.#next = mark.sequence;
    this.#keyOf = compileTemplate(options.key, options.trigger.subject);
    this.#filter = compileFilter(options.trigger.filter);
    this.#markedAt = options.clock.monotonic();
    this.#read();
  }

  /** Undefined when another owner has come meanwhile. Throws when the broker does not answer. */
  static async start(options: SequencingOptions): Promise<Sequencing | undefined> {
    const { buckets, origin, epoch } = options;
    const mark = await GatherMark.read(buckets.gatherMarks, gatherKey(origin.version.function, origin.trigger), epoch);
    // Written first of all: from now on a former owner cannot move the watermark any more.
    return (await mark.write(mark.sequence)) ? new Sequencing(options, mark) : undefined;
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  /** Events that are not yet in line: work to come. */
  get openKeys(): number {
    return this.#waiting + (this.#reader?.pending ?? 0);
  }

  /** Called a few times a second while the lease is held. False: another owner has written the watermark. */
  tick(): boolean {
    if (this.#over) return false;
    const now = this.#options.clock.monotonic();
    for (const [shard, [first]] of this.#lines) if (first?.tryAt !== undefined && first.tryAt <= now) this.#send(shard);
    if (!this.#reader && this.#waiting < waitingMax / 2 && this.#waitingBytes < waitingBytesMax / 2) this.#read();
    if (now - this.#markedAt >= markEveryMs && !this.#writingMark) {
      this.#markedAt = now;
      void this.#writeMark();
    }
    return true;
  }

  stop(): void {
    this.#over = true;
    this.#reader?.close();
    this.#reader = undefined;
    this.#lines.clear();
  }

  #read(): void {
    const { connection, manager, inbox, clock, logger, origin, trigger } = this.#options;
    this.#reader = new StreamReader({
      connection,
      manager,
      inbox,
      clock,
      stream: streams.events,
      filter: eventSubject(trigger.subject),
      from: this.#next,
      headersOnly: false,
      onMessage: (stored) => this.#receive(stored),
      onTrouble: (error) =>
        logger.warn(
          { function: origin.version.function, trigger: trigger.name, error: messageOf(error) },
          'cannot read events to put in line, tried again',
        ),
    });
  }

  #receive(stored: StoredMessage): void {
    const { message, sequence } = stored;
    this.#next = sequence + 1;
    const subject = userSubject(message.subject);
    const own = decodeHeaders(message);
    const shard = shardOf(this.#keyOf(subject));
    for (const event of this.#eventsIn(stored, own)) this.#putInLine(shard, stored, event);
    if (this.#waiting < waitingMax && this.#waitingBytes < waitingBytesMax) return;
    this.#reader?.close();
    this.#reader = undefined;
  }

  /** A pack stands in line as its members do; one that cannot be opened as itself: who pulls it says so. */
  #eventsIn({ message }: StoredMessage, own: Record<string, string>): LineEvent[] {
    const alone = { payload: message.data, headers: own };
    const events = own[packHeader] === undefined ? [alone] : (openedPack(message.data) ?? [alone]);
    const subject = userSubject(message.subject);
    return events.filter(({ headers }) => this.#filter === undefined || this.#filter(subject, headers));
  }

  #putInLine(shard: number, stored: StoredMessage, { member, payload, headers: own }: LineEvent): void {
    const { origin } = this.#options;
    const { message, sequence, timeMs } = stored;
    const named = { sequence, ...(member === undefined ? {} : { member }) };
    const name = eventName({ streamSequence: sequence, ...named });
    // The id names the event, so that it is in line once; the copy remembers where it was first stored (R3).
    const headers = encodeRetry(
      { stream: streams.events, ...named, timeMs, subject: message.subject },
      { notBeforeMs: 0, redriven: 0 },
      own,
      `order.${origin.version.function}.${origin.trigger}.${name}`,
    );
    const waiting: Waiting = { sequence, payload, headers, stored, tryAt: undefined };
    const line = this.#lines.get(shard);
    if (line) line.push(waiting);
    else this.#lines.set(shard, [waiting]);
    this.#waiting++;
    this.#waitingBytes += payload.length;
    if (!line) this.#send(shard);
  }

  #send(shard: number): void {
    const { origin, publisher, isHeld } = this.#options;
    const first = this.#lines.get(shard)?.[0];
    if (!first || this.#over || !isHeld()) return;
    first.tryAt = undefined;
    const subject = orderSubject(origin.version.function, origin.trigger, shard);
    publisher.publish(subject, first.payload, first.headers, (error) => this.#settled(shard, first, error));
  }

  #settled(shard: number, first: Waiting, error: PlatformError | undefined): void {
    if (this.#over) return;
    if (!error) return this.#advance(shard, first);
    if (error.retryable) {
      first.tryAt = this.#options.clock.monotonic() + refusedWaitMs;
      return;
    }
    // Too large by the headers of its place in line, say: it will be each time.
    const letter = unorderedLetter(this.#options.origin, first.stored, error.message);
    this.#options.publisher.publish(letter.subject, letter.payload, letter.headers, (refused) => {
      if (refused) first.tryAt = this.#options.clock.monotonic() + refusedWaitMs;
      else if (!this.#over) this.#advance(shard, first);
    });
  }

  #advance(shard: number, first: Waiting): void {
    const line = this.#lines.get(shard);
    line?.shift();
    this.#waiting--;
    this.#waitingBytes -= first.payload.length;
    if (line?.length === 0) this.#lines.delete(shard);
    else this.#send(shard);
  }

  async #writeMark(): Promise<void> {
    let lowest = this.#next;
    for (const [first] of this.#lines.values()) if (first) lowest = Math.min(lowest, first.sequence);
    this.#writingMark = true;
    try {
      if (!(await this.#mark.write(lowest))) this.stop();
    } catch (error) {
      this.#options.logger.warn(
        { error: messageOf(error) },
        'watermark of an ordered trigger not written, tried again',
      );
    } finally {
      this.#writingMark = false;
    }
  }
}

function openedPack(payload: Uint8Array): LineEvent[] | undefined {
  try {
    return decodePack(payload).map(({ headers, payload: own }, member) => ({
      member,
      payload: own,
      headers: readMemberHeaders(headers),
    }));
  } catch {
    return undefined;
  }
}
