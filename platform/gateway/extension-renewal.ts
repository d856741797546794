/**
 * Keeps the nodes that a renewed pilot was extended by: a job like theirs follows before their walltime is over, joins, and they
 * drain. Decided in #pilot's renewal plan; every step may be done twice, by this gateway or by the next.
 */
import { type Clock, messageOf } from '#common';
import {
  type Block,
  decideExtensions,
  type ExtensionStep,
  endBlock,
  listBlocks,
  longestQueueWaitMs,
  startSuccessor,
} from '#pilot';
import type { Logger } from '#telemetry';
import type { Fleet } from './fleet.ts';
import type { JobWatch } from './job-watch.ts';
import { LookLoop } from './look-loop.ts';

export interface ExtensionRenewalOptions {
  readonly pilotDirectory: string;
  readonly jobs: JobWatch;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A job that was refused, or ended before its nodes had joined, is asked for again, not every second. */
const askEveryMs = 60_000;
/** What still runs on the old nodes; the rest runs elsewhere. */
const drainGraceMs = 20_000;

export class ExtensionRenewal {
  readonly #options: ExtensionRenewalOptions;
  readonly #loop: LookLoop;
  /** When a successor was last asked for, by the block's name. */
  readonly #askedAt = new Map<string, number>();

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
      await (step.kind === 'follow' ? this.#follow(block) : this.#retire(block));
    } catch (error) {
      logger.warn({ step, error: messageOf(error) }, 'an extension is not renewed, trying again');
    }
  }

  async #follow(block: Block): Promise<void> {
    const { clock, logger } = this.#options;
    const { block: name } = block.plan;
    if (clock.monotonic() - (this.#askedAt.get(name) ?? Number.NEGATIVE_INFINITY) < askEveryMs) return;
    this.#askedAt.set(name, clock.monotonic());
    const successor = await startSuccessor(block, clock.now());
    logger.info({ block: name, successor: successor.plan.block, job: successor.job }, 'an extension is renewed');
  }

  async #retire(block: Block): Promise<void> {
    const { fleet, logger } = this.#options;
    await Promise.allSettled(block.plan.nodes.map((node) => fleet.link(node)?.drain(drainGraceMs)));
    await endBlock(block);
    logger.info({ block: block.plan.block }, 'an extension has been followed, its job ends');
  }
}
