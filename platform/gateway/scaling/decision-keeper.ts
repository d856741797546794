/** Decisions outlive a gateway: each function's last ones are an entry of a bucket, written some seconds after they were taken. */
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { observedKeys } from '#broker';
import { type Clock, messageOf } from '#common';
import type { ScaleDecision } from '#proto';
import type { Logger } from '#telemetry';
import { type DecisionLog, nodesName } from './decision-log.ts';

/** A function on a steep load decides several times a second. */
const gatherMs = 5_000;

const stored = z.array(
  z.object({ timeMs: z.number(), from: z.number(), to: z.number(), reason: z.string() }).readonly(),
);

export interface DecisionKeeperOptions {
  readonly bucket: Pick<KV, 'get' | 'put' | 'purge'>;
  readonly log: DecisionLog;
  readonly functions: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export class DecisionKeeper {
  readonly #options: DecisionKeeperOptions;
  readonly #changed = new Set<string>();
  readonly #closed = new AbortController();
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;

  private constructor(options: DecisionKeeperOptions) {
    this.#options = options;
    options.log.onChange = (name) => this.#note(name);
  }

  /** Puts into the log what gateways before this one have decided. What cannot be read begins anew: a gateway starts all the same. */
  static async open(options: DecisionKeeperOptions): Promise<DecisionKeeper> {
    const { log, functions } = options;
    const earlier = await Promise.all([...functions, nodesName].map((name) => read(name, options)));
    for (const decision of earlier.flat().sort((a, b) => a.timeMs - b.timeMs)) log.add(decision);
    return new DecisionKeeper(options);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#writing;
  }

  #note(name: string): void {
    this.#changed.add(name);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    while (this.#changed.size > 0) {
      await this.#options.clock.sleep(gatherMs, this.#closed.signal);
      const names = [...this.#changed];
      this.#changed.clear();
      for (const name of names) await this.#store(name);
    }
    this.#isWriting = false;
  }

  async #store(name: string): Promise<void> {
    const { bucket, log, logger } = this.#options;
    const own = log.of(name).map(({ timeMs, from, to, reason }) => ({ timeMs, from, to, reason }));
    try {
      if (own.length === 0) await bucket.purge(keyOf(name));
      else await bucket.put(keyOf(name), JSON.stringify(own));
    } catch (error) {
      logger.warn({ function: name, error: messageOf(error) }, 'its decisions are not stored');
    }
  }
}

async function read(name: string, { bucket, logger }: DecisionKeeperOptions): Promise<ScaleDecision[]> {
  try {
    const entry = await bucket.get(keyOf(name));
    if (entry?.operation !== 'PUT') return [];
    return stored.parse(entry.json()).map((decision) => ({ ...decision, function: name }));
  } catch (error) {
    logger.warn({ function: name, error: messageOf(error) }, 'its earlier decisions cannot be read');
    return [];
  }
}

function keyOf(name: string): string {
  return name === nodesName ? observedKeys.nodeDecisions : observedKeys.decisions(name);
}
