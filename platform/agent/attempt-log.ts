/** Failed attempts of events still being tried, in a bucket: the server's own count also rises at a drain or a lost node. */
import type { KV } from '@nats-io/kv';
import { attemptsKey } from '#broker';
import type { FailedAttempt } from './dead-letter.ts';

/** Kept of each stack while the event is being tried. */
const stackCharsMax = 2_048;

export class AttemptLog {
  readonly #bucket: KV;
  readonly #keyOf: (sequence: number) => string;

  constructor(bucket: KV, functionName: string, trigger: string) {
    this.#bucket = bucket;
    this.#keyOf = (sequence) => attemptsKey(functionName, trigger, sequence);
  }

  async read(sequence: number): Promise<readonly FailedAttempt[]> {
    const entry = await this.#bucket.get(this.#keyOf(sequence));
    return entry?.operation === 'PUT' ? entry.json<FailedAttempt[]>() : [];
  }

  async record(sequence: number, attempts: readonly FailedAttempt[]): Promise<void> {
    const cut = attempts.map((attempt) => ({ ...attempt, stack: attempt.stack.slice(0, stackCharsMax) }));
    await this.#bucket.put(this.#keyOf(sequence), JSON.stringify(cut));
  }

  /** The event is over; a record left behind by a failure here ends by age. */
  forget(sequence: number): void {
    this.#bucket.purge(this.#keyOf(sequence)).catch(() => undefined);
  }
}
