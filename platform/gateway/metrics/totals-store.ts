/**
 * Totals outlive a gateway: each function's are one entry of a bucket, sums and agents' last words together, so that the next
 * gateway adds what came in between, once. What an agent counts and dies with while no gateway looks is lost.
 */
import type { KV } from '@nats-io/kv';
import { observedKeys } from '#broker';
import { type Clock, messageOf } from '#common';
import type { Registry } from '#registry';
import type { Logger } from '#telemetry';
import type { StoredTotal } from './grown-totals.ts';
import type { ScanTotals } from './scan-totals.ts';
import type { UsageTotals } from './usage-totals.ts';
import type { StoredUser, UserTotals } from './user-totals.ts';

const saveEveryMs = 10_000;
/** A function of very many series on very many nodes keeps its totals only as long as the gateway. */
const entryBytesMax = 4 * 2 ** 20;

interface StoredFunction {
  readonly usage: readonly StoredTotal[];
  readonly user: StoredUser;
  readonly scans: readonly StoredTotal[];
}

export interface TotalsStoreOptions {
  readonly bucket: KV;
  readonly registry: Pick<Registry, 'list'>;
  readonly usage: UsageTotals;
  readonly user: UserTotals;
  readonly scans: ScanTotals;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class TotalsStore {
  readonly #options: TotalsStoreOptions;
  readonly #saved = new Map<string, string>();
  readonly #closed = new AbortController();
  readonly #saving: Promise<void>;

  private constructor(options: TotalsStoreOptions) {
    this.#options = options;
    this.#saving = this.#saveOften();
  }

  /** Reads what the last gateway left into `usage` and `user`. */
  static async open(options: TotalsStoreOptions): Promise<TotalsStore> {
    const { bucket, registry, usage, user, scans, logger } = options;
    for (const { name } of registry.list()) {
      try {
        const entry = await bucket.get(observedKeys.totals(name));
        if (entry?.operation !== 'PUT') continue;
        const stored = entry.json<StoredFunction>();
        usage.restore(stored.usage);
        user.restore(stored.user);
        scans.restore(stored.scans);
      } catch (error) {
        logger.warn({ function: name, error: messageOf(error) }, 'its totals cannot be read and begin anew');
      }
    }
    return new TotalsStore(options);
  }

  /** Saves once more. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#saving;
    await this.#save();
  }

  async #saveOften(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await this.#options.clock.sleep(saveEveryMs, signal);
      if (!signal.aborted) await this.#save();
    }
  }

  async #save(): Promise<void> {
    const { bucket, registry, logger } = this.#options;
    try {
      const functions = registry.list();
      for (const { name, versions } of functions) {
        const text = this.#textOf(name, new Set(versions.map(({ digest }) => digest)));
        if (text === this.#saved.get(name) || text.length > entryBytesMax) continue;
        await bucket.put(observedKeys.totals(name), text);
        this.#saved.set(name, text);
      }
      const names = new Set(functions.map(({ name }) => name));
      for (const name of this.#saved.keys()) if (!names.has(name)) await this.#forget(name);
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'totals are not stored, trying again');
    }
  }

  #textOf(functionName: string, digests: ReadonlySet<string>): string {
    const { usage, user, scans } = this.#options;
    return JSON.stringify({
      usage: usage.stored(digests),
      user: user.stored(functionName),
      scans: scans.stored(digests),
    } satisfies StoredFunction);
  }

  async #forget(functionName: string): Promise<void> {
    await this.#options.bucket.purge(observedKeys.totals(functionName));
    this.#options.user.forget(functionName);
    this.#saved.delete(functionName);
  }
}
