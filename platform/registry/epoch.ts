/**
 * Which gateway acts: an entry with the epoch and the node, taken by compare-and-set, so that of two gateways one knows
 * that it is the older. Where several nodes may run one, the acting gateway renews the entry, and another takes the next
 * epoch once it has seen the same revision for long enough. Agents refuse a lower epoch, so a gateway that cannot renew
 * goes on until it sees that it was followed: a broker that elects a leader must not end it.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { registryKeys } from '#broker';
import { type Clock, messageOf, PlatformError } from '#common';

export interface EpochOptions {
  readonly bucket: KV;
  readonly node: string;
  readonly clock: Clock;
  /** Others may act instead: the entry is renewed. */
  readonly shared: boolean;
  /** Leaves the very first epoch to another. */
  readonly standby: boolean;
  /** False for one whose node is about to go. */
  readonly mayAct: () => boolean;
  readonly signal: AbortSignal;
}

const entrySchema = z.object({ epoch: z.int(), node: z.string(), released: z.boolean() });
type Entry = z.infer<typeof entrySchema>;

const renewEveryMs = 1_000;
const lookEveryMs = 500;
/**
 * Unchanged for this long, as seen by one that waits: the acting gateway is gone. Longer than three servers take to elect a
 * leader (4 to 9 s seen): meanwhile nobody can write, but the others can be read.
 */
const gatewaySilenceMs = 12_000;
/** A look this late, or one that failed, says that we, or the broker, were away: what was seen before proves nothing. */
const lateLookMs = 2_000;

export class GatewayEpoch {
  readonly number: number;
  /** Resolves once another gateway has followed. */
  readonly followed: Promise<void>;
  readonly #options: EpochOptions;
  readonly #ended = new AbortController();
  readonly #renewing: Promise<void>;
  #revision: number;

  private constructor(options: EpochOptions, number: number, revision: number) {
    this.#options = options;
    this.number = number;
    this.#revision = revision;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.followed = promise;
    this.#renewing = options.shared ? this.#renew(resolve) : Promise.resolve();
  }

  /** Waits until no other gateway acts. Throws `cancelled` when the signal aborts. */
  static async take(options: EpochOptions): Promise<GatewayEpoch> {
    const { clock, signal } = options;
    const silence = new Silence(clock);
    while (!signal.aborted) {
      const taken = await takeIfFree(options, silence).catch(() => silence.forget());
      if (taken) return new GatewayEpoch(options, taken.epoch, taken.revision);
      await clock.sleep(lookEveryMs, signal);
    }
    throw new PlatformError('cancelled', 'stopped waiting for the acting gateway to end');
  }

  /** The next gateway need not wait for our silence. */
  async release(): Promise<void> {
    this.#ended.abort();
    await this.#renewing;
    await this.#put(true).catch(() => undefined);
  }

  async #renew(followed: () => void): Promise<void> {
    const { clock } = this.#options;
    while (!this.#ended.signal.aborted) {
      await clock.sleep(renewEveryMs, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      try {
        await this.#put(false);
      } catch (error) {
        if (isConflict(error) && (await this.#isFollowed())) return followed();
      }
    }
  }

  /** A write whose answer was lost makes a conflict with ourselves. */
  async #isFollowed(): Promise<boolean> {
    try {
      const found = await readEntry(this.#options.bucket);
      if (found?.entry.epoch !== this.number) return true;
      this.#revision = found.revision;
    } catch {
      // Cannot be read now: asked again by the next renewal.
    }
    return false;
  }

  async #put(released: boolean): Promise<void> {
    const { bucket, node } = this.#options;
    const entry: Entry = { epoch: this.number, node, released };
    this.#revision = await bucket.put(registryKeys.epoch, JSON.stringify(entry), { previousSeq: this.#revision });
  }
}

/** For how long the same revision has been seen, by looks that came in time. */
class Silence {
  readonly #clock: Clock;
  #revision = -1;
  #since = 0;
  #lookedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  forget(): undefined {
    this.#revision = -1;
  }

  ofRevision(revision: number): number {
    const now = this.#clock.monotonic();
    if (revision !== this.#revision || now - this.#lookedAt > lateLookMs) this.#since = now;
    this.#revision = revision;
    this.#lookedAt = now;
    return now - this.#since;
  }
}

async function takeIfFree(
  options: EpochOptions,
  silence: Silence,
): Promise<{ epoch: number; revision: number } | undefined> {
  const { bucket, node, standby, mayAct } = options;
  const found = await readEntry(bucket);
  const silentMs = silence.ofRevision(found?.revision ?? 0);
  // Our own predecessor is dead: a node has one gateway.
  const free = found ? found.entry.released || found.entry.node === node : !standby;
  if (!mayAct() || (!free && silentMs < gatewaySilenceMs)) return undefined;
  const epoch = (found?.entry.epoch ?? 0) + 1;
  try {
    const entry: Entry = { epoch, node, released: false };
    const revision = await bucket.put(registryKeys.epoch, JSON.stringify(entry), {
      previousSeq: found?.revision ?? 0,
    });
    return { epoch, revision };
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

async function readEntry(bucket: KV): Promise<{ entry: Entry; revision: number } | undefined> {
  const found = await bucket.get(registryKeys.epoch);
  if (found?.operation !== 'PUT') return undefined;
  const parsed = entrySchema.safeParse(found.json());
  if (!parsed.success)
    throw new PlatformError('corrupt', `the gateway's epoch cannot be read: ${messageOf(parsed.error)}`);
  return { entry: parsed.data, revision: found.revision };
}

/** 10071: wrong last sequence, somebody else wrote in between. */
function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === 10071;
}
