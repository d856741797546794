/**
 * Every closed key whose gather event is stored, and what pins some of them: their dead letters, and their retries
 * (G10). Three readers that follow the streams by headers alone.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  decodeHeaders,
  messageIdHeader,
  parseGatherSubject,
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
  /** Of the event that calls the function: at the close, or at the opening of a streaming gather's key. */
  readonly sequence: number;
  readonly subject: string;
  readonly first: number;
  readonly last: number;
}

export class ClosedKeys {
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  readonly #gathers: FollowedStream;
  readonly #pinning: readonly PinningStream[];
  /** By "<function>.<trigger>", in the order of the stream. */
  readonly #keys = new Map<string, StoredKey[]>();
  /** Events at the opening of keys that are still open, by trigger and key. */
  readonly #opened = new Map<string, Map<string, number>>();
  #firstGather = 0;
  /** Bytes of the gather events over what their stream may hold. */
  fill = 0;

  constructor(options: ClosedKeysOptions) {
    this.#manager = options.manager;
    this.#clock = options.clock;
    this.#gathers = follow(options, streams.gathers, (stored) => this.#addKey(stored));
    // In this order: a redriven letter is stored as a retry before it is deleted, so that one of the two is always seen.
    this.#pinning = [streams.deadLetters, streams.retries].map((stream) => {
      const pins = new Map<number, Pin>();
      return { stream, pins, followed: follow(options, stream, (stored) => addPin(pins, stored)) };
    });
  }

  close(): void {
    this.#gathers.reader.close();
    for (const { followed } of this.#pinning) followed.reader.close();
  }

  /** True when all that was stored before the call has been read: only then may the rest be relied on. */
  async catchUp(): Promise<boolean> {
    const gathers = await this.#manager.streams.info(streams.gathers);
    this.fill = gathers.config.max_bytes > 0 ? gathers.state.bytes / gathers.config.max_bytes : 0;
    const read = [this.#isRead(this.#gathers, gathers.state)];
    for (const { stream, pins, followed } of this.#pinning) {
      const { state } = await this.#manager.streams.info(stream, { deleted_details: true });
      for (const sequence of pins.keys()) if (sequence < state.first_seq) pins.delete(sequence);
      for (const sequence of state.deleted ?? []) pins.delete(sequence);
      read.push(this.#isRead(followed, state));
    }
    this.#forget(gathers.state.first_seq);
    return (await Promise.all(read)).every((done) => done);
  }

  /** A key is finished when its gather event is acked and no dead letter of it is left. */
  spans(functionName: string, trigger: string, ackFloor: number): ClosedSpan[] {
    const pinned = this.#pinned();
    return this.#of(functionName, trigger).map(({ sequence, subject, first, last }) => ({
      subject,
      first,
      last,
      finished: sequence <= ackFloor && !pinned.has(sequence),
    }));
  }

  /** Events of which a dead letter or a retry may still need the claimed payload. */
  pinnedEvents(): ReadonlySet<number> {
    return this.#pinnedOf(streams.events);
  }

  /** First gather event of the trigger that may still be needed, as work or as tombstone. */
  neededFrom(functionName: string, trigger: string, ackFloor: number, watermark: number): number {
    const pinned = this.#pinned();
    const needed = this.#of(functionName, trigger).find(
      ({ sequence, last }) => sequence > ackFloor || pinned.has(sequence) || last >= watermark,
    );
    const [open = Number.POSITIVE_INFINITY] = this.#openedOf(nameOf(functionName, trigger)).values();
    // Read again, a key that is open must find the event at its opening: a second one would call the function once more.
    return Math.min(needed?.sequence ?? ackFloor + 1, open);
  }

  #of(functionName: string, trigger: string): readonly StoredKey[] {
    return this.#keys.get(nameOf(functionName, trigger)) ?? [];
  }

  #addKey({ message, sequence }: StoredMessage): void {
    const { functionName, trigger, key, opened } = parseGatherSubject(message.subject);
    const name = nameOf(functionName, trigger);
    if (opened) return void this.#openedOf(name).set(key, sequence);
    const summary = parseGatherHeaders(decodeHeaders(message));
    if (!summary) return;
    const { subject, first, last, streamed } = summary;
    const keys = this.#keys.get(name) ?? [];
    keys.push({ sequence: streamed ? this.#takeOpened(name, key) : sequence, subject, first, last });
    this.#keys.set(name, keys);
  }

  #openedOf(name: string): Map<string, number> {
    const opened = this.#opened.get(name) ?? new Map<string, number>();
    this.#opened.set(name, opened);
    return opened;
  }

  /** Stored before the close. Where it is gone, it was of no use any more: 0 is before every ack floor. */
  #takeOpened(name: string, key: string): number {
    const opened = this.#openedOf(name);
    const sequence = opened.get(key) ?? 0;
    opened.delete(key);
    return sequence;
  }

  /** Sequences of gather events that a dead letter or a retry still needs. */
  #pinned(): Set<number> {
    return this.#pinnedOf(streams.gathers);
  }

  #pinnedOf(stream: StreamName): Set<number> {
    return new Set(
      this.#pinning
        .flatMap(({ pins }) => [...pins.values()].filter((pin) => pin.stream === stream))
        .map(({ of }) => of),
    );
  }

  /** Gather events end by age after a day; a pinned key outlives its event. */
  #forget(firstGather: number): void {
    if (firstGather === this.#firstGather) return;
    this.#firstGather = firstGather;
    const pinned = this.#pinned();
    for (const opened of this.#opened.values())
      for (const [key, sequence] of opened) if (sequence < firstGather) opened.delete(key);
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

function nameOf(functionName: string, trigger: string): string {
  return `${functionName}.${trigger}`;
}

/** Long enough for two heartbeats of a reader that has nothing to read. */
const readWaitMs = 2_000;
const readPollMs = 20;

interface FollowedStream {
  readonly reader: StreamReader;
  /** How often the reader said that it has read everything. */
  currents: number;
}

/** The event that a message is of. */
interface Pin {
  readonly stream: string;
  readonly of: number;
}

/** A stream whose messages keep gathers, and claimed payloads, from being let go. */
interface PinningStream {
  readonly stream: StreamName;
  /** By the message's own sequence. */
  readonly pins: Map<number, Pin>;
  readonly followed: FollowedStream;
}

/** Dead letters and retries tell by their id what they are of: dlq.<function>.<trigger>.<stream>.<sequence>, retry.(the same). */
function addPin(pins: Map<number, Pin>, { message, sequence }: StoredMessage): void {
  const id = decodeHeaders(message)[messageIdHeader] ?? '';
  const [, , , stream, of] = id.split('.');
  // Of a pack's member ("12-3") the pack counts.
  if (stream !== undefined && of !== undefined) pins.set(sequence, { stream, of: Number.parseInt(of, 10) });
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
