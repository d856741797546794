/**
 * How much a source may still publish. Sources leave the last tenth of the stream to functions: an event is acked only
 * after its outputs are stored (R2), so a stream that sources had filled to the brim could never drain (R8).
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { messageBytesMax, streamInfoSubject, streams } from '#broker';
import type { Clock } from '#common';
import { roomAskAgainMs, roomPollMs, sourceShare } from './limits.ts';

export interface StreamRoomOptions {
  readonly connection: NatsConnection;
  /** Where JetStream is asked. */
  readonly api: string;
  readonly clock: Clock;
  /** Sent, and not known to be stored: an answer may have been given before some of it came. */
  readonly bytesInFlight: () => number;
  /** There may be room now. */
  readonly onRoom: () => void;
}

/** Several sources see the same room: each takes at most this part of it before it asks again. */
const partOfRoom = 0.25;
const askTimeoutMs = 2_000;

export class StreamRoom {
  readonly #options: StreamRoomOptions;
  /** Bytes that may go before the server is asked again. */
  #budget = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Nothing has been taken of the last answer. */
  #untouched = false;
  #asking = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamRoomOptions) {
    this.#options = options;
  }

  /** Asks for the first time; `take` says no before. */
  async open(): Promise<void> {
    await this.#ask();
  }

  /** True when so many bytes may go now; else `onRoom` is called once it is worth trying again. */
  take(bytes: number): boolean {
    if (this.#options.clock.monotonic() - this.#askedAt > roomAskAgainMs) void this.#ask();
    if (this.#budget >= bytes) {
      this.#budget -= bytes;
      this.#untouched = false;
      return true;
    }
    // An answer of which something was taken is out of date; one that was too small from the start is asked for again later.
    if (this.#untouched) this.#timer ??= setTimeout(() => void this.#ask(), roomPollMs);
    else void this.#ask();
    return false;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    const room = await this.#readRoom();
    this.#asking = false;
    this.#askedAt = this.#options.clock.monotonic();
    // Without an answer the last one stands: a server that is too busy to answer may be full.
    if (room !== undefined) this.#budget = budgetOf(room - this.#options.bytesInFlight());
    this.#untouched = true;
    if (!this.#closed) this.#options.onRoom();
  }

  /** Infinity for a stream without a limit; undefined when the server did not answer. */
  async #readRoom(): Promise<number | undefined> {
    try {
      const { connection, api } = this.#options;
      const subject = streamInfoSubject(streams.events, api);
      const answer = await connection.request(subject, undefined, { timeout: askTimeoutMs });
      const { config, state } = answer.json<{ config?: { max_bytes: number }; state?: { bytes: number } }>();
      if (!config || !state) return undefined;
      return config.max_bytes > 0 ? sourceShare * config.max_bytes - state.bytes : Number.POSITIVE_INFINITY;
    } catch {
      return undefined;
    }
  }
}

/** A part of the room, but one event of any size as long as it fits at all. */
function budgetOf(room: number): number {
  return Math.max(0, Math.min(room, Math.max(room * partOfRoom, messageBytesMax)));
}
