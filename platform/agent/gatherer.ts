/** Competes for one trigger's lease and reads while it holds it (G1, G2). The gateway is not needed. */
import { type Buckets, gatherKey, gatherLeaseMs } from '#broker';
import { type Clock, messageOf } from '#common';
import type { GatherProgress } from '#proto';
import type { Logger } from '#telemetry';
import { GatherLease } from './gather/gather-lease.ts';
import type { GatherOrigin } from './gather/gather-letters.ts';
import type { GatherReading } from './gather/gather-reading.ts';

/** What the owner of the lease does: gathers, or puts events in line (../order/sequencing.ts). */
export interface Reading {
  readonly epoch: number;
  /** Work to come. */
  readonly openKeys: number;
  readonly counts: GatherReading['counts'] | undefined;
  /** Of what is gathered under a key; an order has nothing of the kind. */
  progress?(): GatherProgress[];
  /** False: it is over. */
  tick(): boolean;
  stop(): void;
}

export interface GathererOptions {
  readonly origin: GatherOrigin;
  readonly buckets: Buckets;
  readonly node: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined when another owner has come meanwhile. Throws when the broker does not answer. */
  readonly start: (epoch: number, isHeld: () => boolean) => Promise<Reading | undefined>;
}

/** Renewed, or asked for, this often: a dead owner's successor reads within one lease and one round. */
const roundMs = gatherLeaseMs / 3;
/** Due keys, refused publishes and the watermark are looked at this often. */
const tickMs = 250;

export class Gatherer {
  readonly #options: GathererOptions;
  readonly #lease: GatherLease;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #rounds: Promise<void>;
  #reading: Reading | undefined;
  /** Reading the closed keys may take longer than a lease, which is renewed meanwhile. */
  #starting = false;

  constructor(options: GathererOptions) {
    const { buckets, origin, node, clock } = options;
    this.#options = options;
    this.#lease = new GatherLease({
      leases: buckets.gatherLeases,
      key: gatherKey(origin.version.function, origin.trigger),
      node,
      clock,
    });
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#rounds = this.#run();
  }

  /** True on the one node that gathers this trigger. */
  get owner(): boolean {
    return this.#reading !== undefined;
  }

  get openKeys(): number {
    return this.#reading?.openKeys ?? 0;
  }

  get counts(): GatherReading['counts'] | undefined {
    return this.#reading?.counts;
  }

  progress(): GatherProgress[] {
    return this.#reading?.progress?.() ?? [];
  }

  /** Stops reading at once and lets go of the lease. */
  async close(): Promise<void> {
    this.#ending.abort();
    clearInterval(this.#timer);
    this.#stopReading('closed');
    await this.#rounds;
    await this.#lease.release();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const begunAt = clock.monotonic();
      await this.#lease.renewOrTake();
      const { epoch } = this.#lease;
      if (epoch !== undefined && !this.#reading && !signal.aborted) void this.#startReading(epoch);
      await clock.sleep(Math.max(0, roundMs - (clock.monotonic() - begunAt)), signal);
    }
  }

  async #startReading(epoch: number): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    try {
      const reading = await this.#options.start(epoch, () => this.#lease.epoch === epoch);
      if (!reading) return;
      if (this.#ending.signal.aborted || this.#lease.epoch !== epoch) return reading.stop();
      this.#reading = reading;
      this.#options.logger.info({ ...this.#fields(), epoch }, 'reads on this node');
    } catch (error) {
      this.#options.logger.warn({ ...this.#fields(), error: messageOf(error) }, 'cannot read yet, tried again');
    } finally {
      this.#starting = false;
    }
  }

  #tick(): void {
    if (!this.#reading) return;
    // Also a lease that was lost and taken anew between two ticks: another node may have read in between.
    if (this.#lease.epoch !== this.#reading.epoch) return this.#stopReading('lease lost');
    if (!this.#reading.tick()) this.#stopReading('another node has taken over');
  }

  #stopReading(reason: string): void {
    if (!this.#reading) return;
    this.#reading.stop();
    this.#reading = undefined;
    this.#options.logger.info({ ...this.#fields(), reason }, 'reads no longer on this node');
  }

  #fields(): Record<string, string> {
    const { version, trigger } = this.#options.origin;
    return { function: version.function, trigger };
  }
}
