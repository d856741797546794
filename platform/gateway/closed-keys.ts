/**
 * Every closed key whose gather event is stored, and the dead letters that pin some of them (G10): two readers that
 * follow the streams by headers alone.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  decodeHeaders,
  messageIdHeader,
  type StoredMessage,
  type StreamName,
  StreamReader,
  streamFilter,
  streams,
} from '#broker';
import type { Clock } from '#common';
import { type ClosedSpan, parseGatherHeaders } from '#routing';

export interface ClosedKeysOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly clock: Clock;
}

interface StoredKey {
  readonly sequence: number;
  readonly subject: string;
  readonly first: number;
  readonly last: number;
}

export class ClosedKeys {
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  readonly #gathers: FollowedStream;
  readonly #deadLetters: FollowedStream;
  /** By "<function>.<trigger>", in the order of the stream. */
  readonly #keys = new Map<string, StoredKey[]>();
  /** Sequences of gather events by the dead letter's sequence. */
  readonly #pins = new Map<number, number>();
  #firstGather = 0;
  /** Bytes of the gather events over what their stream may hold. */
  fill = 0;

  constructor(options: ClosedKeysOptions) {
    this.#manager = options.manager;
    this.#clock = options.clock;
    this.#gathers = follow(options, streams.gathers, (stored) => this.#addKey(stored));
    this.#deadLetters = follow(options, streams.deadLetters, (stored) => this.#addPin(stored));
  }

  close(): void {
    this.#gathers.reader.close();
    this.#deadLetters.reader.close();
  }

  /** True when all that was stored before the call has been read: only then may the rest be relied on. */
  async catchUp(): Promise<boolean> {
    const gathers = await this.#manager.streams.info(streams.gathers);
    const letters = await this.#manager.streams.info(streams.deadLetters, { deleted_details: true });
    this.fill = gathers.config.max_bytes > 0 ? gathers.state.bytes / gathers.config.max_bytes : 0;
    this.#forget(gathers.state.first_seq, letters.state.first_seq, letters.state.deleted ?? []);
    const read = await Promise.all([
      this.#isRead(this.#gathers, gathers.state),
      this.#isRead(this.#deadLetters, letters.state),
    ]);
    return read.every((done) => done);
  }

  /** A key is finished when its gather event is acked and no dead letter of it is left. */
  spans(functionName: string, trigger: string, ackFloor: number): ClosedSpan[] {
    const pinned = new Set(this.#pins.values());
    return this.#of(functionName, trigger).map(({ sequence, subject, first, last }) => ({
      subject,
      first,
      last,
      finished: sequence <= ackFloor && !pinned.has(sequence),
    }));
  }

  /** First gather event of the trigger that may still be needed, as work or as tombstone. */
  neededFrom(functionName: string, trigger: string, ackFloor: number, watermark: number): number {
    const pinned = new Set(this.#pins.values());
    const needed = this.#of(functionName, trigger).find(
      ({ sequence, last }) => sequence > ackFloor || pinned.has(sequence) || last >= watermark,
    );
    return needed?.sequence ?? ackFloor + 1;
  }

  #of(functionName: string, trigger: string): readonly StoredKey[] {
    return this.#keys.get(`${functionName}.${trigger}`) ?? [];
  }

  #addKey({ message, sequence }: StoredMessage): void {
    const summary = parseGatherHeaders(decodeHeaders(message.headers));
    if (!summary) return;
    const [, functionName, trigger] = message.subject.split('.');
    const name = `${functionName}.${trigger}`;
    const { subject, first, last } = summary;
    const keys = this.#keys.get(name) ?? [];
    keys.push({ sequence, subject, first, last });
    this.#keys.set(name, keys);
  }

  /** A gather's dead letter is known by its id: dlq.<function>.<trigger>.GATHERS.<sequence>. */
  #addPin({ message, sequence }: StoredMessage): void {
    const id = decodeHeaders(message.headers)[messageIdHeader] ?? '';
    const [, , , stream, gather] = id.split('.');
    if (stream === streams.gathers && gather !== undefined) this.#pins.set(sequence, Number(gather));
  }

  /** Gather events end by age after a day, dead letters when they are redriven or purged; a pinned key outlives its event. */
  #forget(firstGather: number, firstLetter: number, deletedLetters: readonly number[]): void {
    for (const letter of this.#pins.keys()) if (letter < firstLetter) this.#pins.delete(letter);
    for (const letter of deletedLetters) this.#pins.delete(letter);
    if (firstGather === this.#firstGather) return;
    this.#firstGather = firstGather;
    const pinned = new Set(this.#pins.values());
    for (const [name, keys] of this.#keys) {
      this.#keys.set(
        name,
        keys.filter(({ sequence }) => sequence >= firstGather || pinned.has(sequence)),
      );
    }
  }

  async #isRead(followed: FollowedStream, state: { messages: number; last_seq: number }): Promise<boolean> {
    const { currents } = followed;
    for (let waitedMs = 0; waitedMs < readWaitMs; waitedMs += readPollMs) {
      if (state.messages === 0 || followed.reader.next > state.last_seq) return true;
      // The last message may have been deleted. One sign of being current may have been under way; two cannot.
      if (followed.currents >= currents + 2) return true;
      await this.#clock.sleep(readPollMs);
    }
    return false;
  }
}

/** Long enough for two heartbeats of a reader that has nothing to read. */
const readWaitMs = 2_000;
const readPollMs = 20;

interface FollowedStream {
  readonly reader: StreamReader;
  /** How often the reader said that it has read everything. */
  currents: number;
}

function follow(
  options: ClosedKeysOptions,
  stream: StreamName,
  onMessage: (stored: StoredMessage) => void,
): FollowedStream {
  const { connection, manager, inbox, clock } = options;
  const followed = {
    currents: 0,
    reader: new StreamReader({
      connection,
      manager,
      inbox,
      clock,
      stream,
      filter: streamFilter(stream),
      from: 1,
      headersOnly: true,
      onMessage,
      onCurrent: () => {
        followed.currents++;
      },
    }),
  };
  return followed;
}
