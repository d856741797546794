/** How many dead letters each function has, asked for at most every two seconds, and only while somebody looks. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { deadLetterSubject, streamFilter, streams } from '#broker';
import type { Clock } from '#common';

const askEveryMs = 2_000;

export class DeadLetterCounts {
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  #askedAt = Number.NEGATIVE_INFINITY;
  #counts: Readonly<Record<string, number>> = {};

  constructor(manager: JetStreamManager, clock: Clock) {
    this.#manager = manager;
    this.#clock = clock;
  }

  /** As last answered. */
  of(functionName: string): number {
    return this.#counts[deadLetterSubject(functionName)] ?? 0;
  }

  /** Where the broker does not answer, the last answer stands. */
  async refresh(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#askedAt < askEveryMs) return;
    this.#askedAt = now;
    try {
      const filter = streamFilter(streams.deadLetters);
      const { state } = await this.#manager.streams.info(streams.deadLetters, { subjects_filter: filter });
      this.#counts = state.subjects ?? {};
    } catch {
      // Brokers that elect a leader answer again soon.
    }
  }
}
