/** The lease that makes one agent the gatherer of a trigger (G2): a KV entry that ends by age unless it is renewed. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { gatherLeaseMs } from '#broker';
import type { Clock } from '#common';

export interface GatherLeaseOptions {
  readonly leases: KV;
  readonly key: string;
  readonly node: string;
  readonly clock: Clock;
}

/** A renewal that takes longer than this is tried again while the lease still lasts. */
const answerWaitMs = gatherLeaseMs / 3;

export class GatherLease {
  readonly #options: GatherLeaseOptions;
  #epoch: number | undefined;
  #revision = 0;
  #until = 0;

  constructor(options: GatherLeaseOptions) {
    this.#options = options;
  }

  /** Grows from owner to owner; undefined while somebody else may hold the lease. A lease not renewed in time is lost. */
  get epoch(): number | undefined {
    return this.#options.clock.monotonic() < this.#until ? this.#epoch : undefined;
  }

  /** Renews the lease where it is held, takes it where nobody holds it. */
  async renewOrTake(): Promise<void> {
    if (this.epoch === undefined) await this.#take();
    else await this.#renew();
  }

  /** Lets the next agent have it at once. */
  async release(): Promise<void> {
    if (this.epoch === undefined) return;
    const { leases, key } = this.#options;
    this.#until = 0;
    // Not deleted in time: it ends by age.
    await leases.delete(key, { previousSeq: this.#revision }).catch(() => undefined);
  }

  async #take(): Promise<void> {
    const { leases, key, clock, node } = this.#options;
    const askedAt = clock.monotonic();
    try {
      this.#revision = await leases.create(key, node);
    } catch {
      // Held by another agent, or no broker: the next round asks again.
      return;
    }
    this.#epoch = this.#revision;
    this.#until = askedAt + gatherLeaseMs;
  }

  async #renew(): Promise<void> {
    const { leases, key, clock, node } = this.#options;
    const askedAt = clock.monotonic();
    try {
      this.#revision = await leases.update(key, node, this.#revision, answerWaitMs);
      this.#until = askedAt + gatherLeaseMs;
    } catch (error) {
      // 10071: another revision than ours, somebody else has taken it. Anything else may pass before the lease is over.
      if (error instanceof JetStreamApiError && error.code === 10071) this.#until = 0;
    }
  }
}
