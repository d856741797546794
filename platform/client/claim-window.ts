/** Bounds the large payloads that are being written, and waits where there is no room: a full disk slows its source down (R6). */
import type { Claim } from '#claims';
import { backoffMs, type Clock, PlatformError } from '#common';
import { claimWritesAtOnce, refusedBackoff, refusedMsMax } from './limits.ts';

export interface ClaimWindowOptions {
  readonly write: (data: Uint8Array) => Promise<Claim>;
  readonly clock: Clock;
  /** Aborted when the client closes. */
  readonly signal: AbortSignal;
}

export class ClaimWindow {
  readonly #options: ClaimWindowOptions;
  readonly #waiting: (() => void)[] = [];
  #writing = 0;

  constructor(options: ClaimWindowOptions) {
    this.#options = options;
  }

  /** Rejects with what is wrong for good, or after ten minutes without room. `onHeld` is told once of each that must wait. */
  async claim(data: Uint8Array, onHeld: () => void): Promise<Claim> {
    if (this.#writing >= claimWritesAtOnce) {
      onHeld();
      await new Promise<void>((admit) => this.#waiting.push(admit));
    } else this.#writing++;
    try {
      return await this.#write(data, onHeld);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#writing--;
    }
  }

  async #write(data: Uint8Array, onHeld: () => void): Promise<Claim> {
    const { write, clock, signal } = this.#options;
    const startedAt = clock.monotonic();
    for (let tries = 1; ; tries++) {
      try {
        return await write(data);
      } catch (thrown) {
        const error = PlatformError.from(thrown);
        if (!error.retryable || clock.monotonic() - startedAt > refusedMsMax) throw error;
        if (tries === 1) onHeld();
        await clock.sleep(refusedBackoff.minMs + backoffMs(tries, refusedBackoff), signal);
        if (signal.aborted) throw new PlatformError('unavailable', 'the connection was closed');
      }
    }
  }
}
