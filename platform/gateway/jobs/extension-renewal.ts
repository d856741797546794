/**
 * Keeps the nodes that a renewed pilot was extended by: a job like theirs follows before their walltime is over, joins, and they
 * drain. Decided in #pilot's renewal plan; every step may be done twice, by this gateway or by the next.
 */
import { type Clock, messageOf } from '#common';
import { type Block, decideExtensions, type ExtensionStep, endBlock, listBlocks, longestQueueWaitMs } from '#pilot';
import type { Logger } from '#telemetry';
import { LookLoop } from '../look-loop.ts';
import type { Fleet } from '../nodes/fleet.ts';
import type { JobWatch } from '../nodes/job-watch.ts';
import type { Successors } from './successors.ts';

export interface ExtensionRenewalOptions {
  readonly pilotDirectory: string;
  readonly jobs: JobWatch;
  readonly fleet: Fleet;
  readonly successors: Successors;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What still runs on the old nodes; the rest runs elsewhere. */
const drainGraceMs = 20_000;

export class ExtensionRenewal {
  readonly #options: ExtensionRenewalOptions;
  readonly #loop: LookLoop;

  constructor(options: ExtensionRenewalOptions) {
    this.#options = options;
    this.#loop = new LookLoop({
      ...options,
      look: () => this.#look(),
      failure: "the extensions' ends cannot be looked at",
    });
  }

  async close(): Promise<void> {
    await this.#loop.close();
  }

  async #look(): Promise<void> {
    const { pilotDirectory, jobs, fleet, clock } = this.#options;
    const all = listBlocks(pilotDirectory);
    const ended = new Set(
      jobs.states.flatMap(({ block, state }) => (state?.phase === 'ended' ? [block.plan.block] : [])),
    );
    const living = all.filter(({ plan, stopping }) => plan.brokers === 0 && !stopping && !ended.has(plan.block));
    const ready = new Set(fleet.ready().map((link) => link.entry.node));
    const steps = decideExtensions({
      nowMs: clock.now(),
      blocks: living.map(({ plan }) => ({
        block: plan.block,
        follows: plan.follows,
        renew: plan.renew,
        endsAtMs: jobs.endOf(plan.nodes[0] ?? ''),
        joined: plan.nodes.every((node) => ready.has(node)),
      })),
      queueWaitMs: longestQueueWaitMs(all),
    });
    await Promise.all(steps.map((step) => this.#try(step, living)));
  }

  async #try(step: ExtensionStep, living: readonly Block[]): Promise<void> {
    const { logger } = this.#options;
    const block = living.find(({ plan }) => plan.block === step.block);
    if (!block) return;
    try {
      await (step.kind === 'follow' ? this.#options.successors.ask(block) : this.#retire(block));
    } catch (error) {
      logger.warn({ step, error: messageOf(error) }, 'an extension is not renewed, trying again');
    }
  }

  async #retire(block: Block): Promise<void> {
    const { fleet, logger } = this.#options;
    await Promise.allSettled(block.plan.nodes.map((node) => fleet.link(node)?.drain(drainGraceMs)));
    await endBlock(block);
    logger.info({ block: block.plan.block }, 'an extension has been followed, its job ends');
  }
}
