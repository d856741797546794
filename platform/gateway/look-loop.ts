/** Looks once a second, one look at a time, until it is closed. A look that fails is told, and others follow. */
import { type Clock, messageOf } from '#common';
import type { Logger } from '#telemetry';

export interface LookLoopOptions {
  readonly look: () => Promise<void>;
  /** What the log says of a look that failed. */
  readonly failure: string;
  /** Waited after one, besides. */
  readonly afterFailureMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const lookEveryMs = 1_000;

export class LookLoop {
  readonly #options: LookLoopOptions;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  /** The first look begins at once. */
  constructor(options: LookLoopOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Resolves once the last look has ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { look, failure, afterFailureMs = 0, clock, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let pauseMs = lookEveryMs;
      try {
        await look();
      } catch (error) {
        logger.warn({ error: messageOf(error) }, failure);
        pauseMs += afterFailureMs;
      }
      await clock.sleep(pauseMs, signal);
    }
  }
}
