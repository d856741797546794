/** What happened to nodes, kept over gateways: one entry of a bucket with the last of it, written a moment after it changed. */
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { observedKeys } from '#broker';
import { type Clock, messageOf } from '#common';
import type { Happening } from '#proto';
import type { Logger } from '#telemetry';

/** A pilot of a thousand nodes comes and goes in as many lines. */
const keptMax = 2_000;
/** Nodes come together. */
const gatherMs = 500;

const stored = z.array(
  z.object({
    timeMs: z.number(),
    kind: z.string(),
    subject: z.string(),
    text: z.string(),
    level: z.string(),
  }),
);

export interface JournalOptions {
  readonly bucket: KV;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Journal {
  /** What gateways before this one have seen. */
  readonly earlier: readonly Happening[];
  readonly #options: JournalOptions;
  readonly #kept: Happening[];
  #writing: Promise<void> | undefined;
  #changed = false;

  private constructor(options: JournalOptions, earlier: readonly Happening[]) {
    this.#options = options;
    this.earlier = earlier;
    this.#kept = [...earlier];
  }

  /** One that cannot be read begins anew: a gateway starts all the same. */
  static async open(options: JournalOptions): Promise<Journal> {
    try {
      const entry = await options.bucket.get(observedKeys.happenings);
      return new Journal(options, entry?.operation === 'PUT' ? stored.parse(entry.json()) : []);
    } catch (error) {
      options.logger.warn({ error: messageOf(error) }, 'what happened before cannot be read');
      return new Journal(options, []);
    }
  }

  add(happening: Happening): void {
    this.#kept.push(happening);
    if (this.#kept.length > keptMax) this.#kept.shift();
    this.#changed = true;
    this.#writing ??= this.#write();
  }

  /** Waits until all of it is written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { bucket, clock, logger } = this.#options;
    while (this.#changed) {
      await clock.sleep(gatherMs);
      this.#changed = false;
      try {
        await bucket.put(observedKeys.happenings, JSON.stringify(this.#kept));
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'what happened is not stored');
      }
    }
    this.#writing = undefined;
  }
}
