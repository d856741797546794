/** Tells the pilot where this agent is: an entry in the nodes bucket that ends by age when it is no longer renewed. */
import type { KV } from '@nats-io/kv';
import { type Clock, messageOf, platformVersion } from '#common';
import type { AgentConfig, NodeEntry } from '#model';
import type { Logger } from '#telemetry';

/**
 * Four renewals fit into the bucket's age: one lost message loses no node. In a large pilot, which asks for fewer reports, two
 * do, because a report is a sign of life as well: of a thousand renewals a second the broker had most of its work.
 */
const renewEveryMsMin = 1_000;
const renewEveryMsMax = 2_000;
/** The gateway makes the bucket; agents may be there first. */
const firstRetryMs = 30;

export interface RegistrationOptions {
  readonly nodes: KV;
  readonly config: AgentConfig;
  /** host:port of the agent's gRPC server. */
  readonly address: string;
  readonly calls: NodeEntry['calls'];
  /** How often the gateway asks for reports now. */
  readonly reportEveryMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Registration {
  readonly #nodes: KV;
  readonly #entry: NodeEntry;
  readonly #reportEveryMs: () => number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor({ nodes, config, address, calls, reportEveryMs, clock, logger }: RegistrationOptions) {
    this.#nodes = nodes;
    this.#reportEveryMs = reportEveryMs;
    this.#clock = clock;
    this.#logger = logger;
    this.#entry = {
      node: config.node,
      address,
      calls,
      slots: config.slots,
      memoryBytes: config.memoryBytes,
      ...(config.gpus === undefined ? {} : { gpus: config.gpus }),
      ...(config.labels === undefined ? {} : { labels: config.labels }),
      ...(config.endsAtMs === undefined ? {} : { endsAt: Math.round(config.endsAtMs) }),
      version: platformVersion,
      startedAt: clock.now(),
    };
  }

  /** Resolves once the entry is stored; goes on renewing it until `close`. */
  async start(): Promise<void> {
    while (!(await this.#put()) && !this.#stop.signal.aborted) await this.#clock.sleep(firstRetryMs, this.#stop.signal);
    this.#loop = this.#renew();
  }

  /** Takes the entry away: the gateway need not wait for its age. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#nodes.delete(this.#entry.node).catch(() => undefined);
  }

  async #renew(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#clock.sleep(renewEveryMs(this.#reportEveryMs()), this.#stop.signal);
      if (!this.#stop.signal.aborted) await this.#put();
    }
  }

  async #put(): Promise<boolean> {
    try {
      await this.#nodes.put(this.#entry.node, JSON.stringify(this.#entry));
      return true;
    } catch (error) {
      this.#logger.debug({ error: messageOf(error) }, 'registration not stored');
      return false;
    }
  }
}

/** How long an entry stands before it is renewed, where reports come so often. */
export function renewEveryMs(reportEveryMs: number): number {
  return Math.min(renewEveryMsMax, Math.max(renewEveryMsMin, reportEveryMs));
}
