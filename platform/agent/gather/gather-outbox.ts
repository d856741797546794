/**
 * What a gatherer has to publish and has no PubAck for yet. Each entry holds the watermark at its first message, so
 * that a new owner would come to the same entry again (R2 for gathers).
 */
import type { MsgHdrs } from '@nats-io/transport-node';
import type { EventPublisher } from '#broker';
import type { Clock, PlatformError } from '#common';

export interface OutboxEntry {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** With a message id. */
  readonly headers: MsgHdrs;
  /** The watermark stays at or below this sequence until the entry is stored. */
  readonly holdsFrom: number;
  /** Sent when what is to be stored on this subject is. */
  readonly behind?: string;
}

/** Entries without PubAck; past it the gatherer reads on only when they have gone (R6). */
export const outboxMax = 1_024;

/** A refused entry (a full stream, a broker that starts) is tried again after this. */
const retryMs = 1_000;

export class GatherOutbox {
  readonly #publisher: EventPublisher;
  readonly #clock: Clock;
  readonly #onRefused: (error: PlatformError) => void;
  /** Entries with the time of their next try; undefined while one is under way. */
  readonly #entries = new Map<OutboxEntry, number | undefined>();
  #dropped = false;

  constructor(options: { publisher: EventPublisher; clock: Clock; onRefused: (error: PlatformError) => void }) {
    this.#publisher = options.publisher;
    this.#clock = options.clock;
    this.#onRefused = options.onRefused;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined when nothing is held. */
  get lowest(): number | undefined {
    let lowest: number | undefined;
    for (const { holdsFrom } of this.#entries.keys())
      if (lowest === undefined || holdsFrom < lowest) lowest = holdsFrom;
    return lowest;
  }

  add(entry: OutboxEntry): void {
    if (this.#waits(entry)) this.#entries.set(entry, Number.NEGATIVE_INFINITY);
    else this.#send(entry);
  }

  /** Tries again what was refused. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const [entry, tryAt] of this.#entries)
      if (tryAt !== undefined && tryAt <= now && !this.#waits(entry)) this.#send(entry);
  }

  /** The lease is lost: the next owner comes to the same entries. */
  drop(): void {
    this.#dropped = true;
    this.#entries.clear();
  }

  #waits({ behind }: OutboxEntry): boolean {
    if (behind === undefined) return false;
    for (const { subject } of this.#entries.keys()) if (subject === behind) return true;
    return false;
  }

  #sendBehind(subject: string): void {
    for (const entry of [...this.#entries.keys()]) if (entry.behind === subject) this.#send(entry);
  }

  #send(entry: OutboxEntry): void {
    this.#entries.set(entry, undefined);
    this.#publisher.publish(entry.subject, entry.payload, entry.headers, (error) => {
      if (this.#dropped) return;
      // A conflict: the key was closed before, by us or by another owner. That is what was wanted (G4).
      if (error && error.code !== 'conflict') {
        this.#entries.set(entry, this.#clock.monotonic() + retryMs);
        this.#onRefused(error);
        return;
      }
      this.#entries.delete(entry);
      this.#sendBehind(entry.subject);
    });
  }
}
