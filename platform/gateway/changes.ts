/** "Something has changed": wakes all who wait for that. */
import type { Clock } from '#common';

export class Changes {
  #next = Promise.withResolvers<void>();

  announce(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  /** Resolves at the next change, after `timeoutMs`, or when the signal aborts. */
  async next(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([done.signal, signal]);
    await Promise.race([this.#next.promise, clock.sleep(timeoutMs, either)]);
    done.abort();
  }
}
