/** Failed attempts of events still being tried, in a bucket: the server's own count also rises at a drain or a lost node. */
import type { KV } from '@nats-io/kv';
import { attemptsKey, type EventName, type FailedAttempt } from '#broker';

/** Kept of each stack while the event is being tried. */
const stackCharsMax = 2_048;

export class AttemptLog {
  readonly #bucket: KV;
  readonly #keyOf: (event: EventName) => string;

  constructor(bucket: KV, functionName: string, trigger: string) {
    this.#bucket = bucket;
    this.#keyOf = (event) => attemptsKey(functionName, trigger, event);
  }

  async read(event: EventName): Promise<readonly FailedAttempt[]> {
    const entry = await this.#bucket.get(this.#keyOf(event));
    return entry?.operation === 'PUT' ? entry.json<FailedAttempt[]>() : [];
  }

  async record(event: EventName, attempts: readonly FailedAttempt[]): Promise<void> {
    const cut = attempts.map((attempt) => ({ ...attempt, stack: attempt.stack.slice(0, stackCharsMax) }));
    await this.#bucket.put(this.#keyOf(event), JSON.stringify(cut));
  }

  /** The event is over; a record left behind by a failure here ends by age. */
  forget(event: EventName): void {
    this.#bucket.purge(this.#keyOf(event)).catch(() => undefined);
  }
}
