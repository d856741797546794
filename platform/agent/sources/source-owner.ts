/** Competes for the lease of one trigger's source, and runs the source while it holds it; any agent can take over. */
import { gatherLeaseMs } from '#broker';
import { messageOf } from '#common';
import { GatherLease, type GatherLeaseOptions } from '../gather/gather-lease.ts';
import type { SourceOptions, TriggerSource } from './source.ts';

export interface SourceOwnerOptions {
  readonly source: Omit<SourceOptions, 'held' | 'paused'>;
  readonly lease: GatherLeaseOptions;
  readonly open: (options: SourceOptions) => Promise<TriggerSource | undefined>;
}

/** Renewed, or asked for, this often: a killed owner's successor looks within one lease and one round. */
const roundMs = gatherLeaseMs / 3;
const lookMs = 200;

export class SourceOwner {
  paused = false;
  readonly #options: SourceOwnerOptions;
  readonly #lease: GatherLease;
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #rounds: Promise<void>;
  #source: { readonly source: TriggerSource; readonly epoch: number } | undefined;
  #busy = false;

  constructor(options: SourceOwnerOptions) {
    this.#options = options;
    this.#lease = new GatherLease(options.lease);
    this.#timer = setInterval(() => void this.#look(), lookMs);
    this.#rounds = this.#renew();
  }

  /** True on the one node that runs it. */
  get owner(): boolean {
    return this.#source !== undefined;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    clearInterval(this.#timer);
    this.#stop();
    await this.#rounds;
    await this.#lease.release();
  }

  async #renew(): Promise<void> {
    const { clock } = this.#options.lease;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const begunAt = clock.monotonic();
      await this.#lease.renewOrTake();
      await clock.sleep(Math.max(0, roundMs - (clock.monotonic() - begunAt)), signal);
    }
  }

  /** One look at a time; what goes wrong is tried again at the next one. */
  async #look(): Promise<void> {
    if (this.#busy) return;
    const { epoch } = this.#lease;
    if (this.#source && this.#source.epoch !== epoch) this.#stop();
    if (epoch === undefined) return;
    this.#busy = true;
    try {
      if (!this.#source) await this.#open(epoch);
      else if (!(await this.#source.source.look())) this.#stop();
    } catch (error) {
      const { logger, functionName, trigger } = this.#options.source;
      if (!this.#ending.signal.aborted)
        logger.warn({ function: functionName, trigger: trigger.name, error: messageOf(error) }, 'source looks again');
    } finally {
      this.#busy = false;
    }
  }

  async #open(epoch: number): Promise<void> {
    const source = await this.#options.open({
      ...this.#options.source,
      paused: () => this.paused,
      held: () => this.#lease.epoch === epoch && !this.#ending.signal.aborted,
    });
    if (!source) return;
    if (this.#ending.signal.aborted || this.#lease.epoch !== epoch) return source.stop();
    this.#source = { source, epoch };
  }

  #stop(): void {
    this.#source?.source.stop();
    this.#source = undefined;
  }
}
