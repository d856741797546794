/** The pilot's scheduler jobs as the gateway sees them: it asks once for all of them, so that no agent needs to (R7). */
import { type Clock, messageOf } from '#common';
import { type BlockState, blockPaths, endOf, listBlocks, readJobStates } from '#pilot';
import { writePrivate } from '#security';
import type { Logger } from '#telemetry';
import { LookLoop } from '../look-loop.ts';

export interface JobWatchOptions {
  readonly pilotDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
}

/** Schedulers enforce walltimes on such ticks themselves. */
const askEveryMs = 30_000;

export class JobWatch {
  readonly #options: JobWatchOptions;
  readonly #loop: LookLoop;
  #states: readonly BlockState[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #seen = '';

  constructor(options: JobWatchOptions) {
    this.#options = options;
    this.#loop = new LookLoop({
      ...options,
      look: () => this.#look(),
      failure: 'the jobs of this pilot cannot be looked at',
    });
  }

  get states(): readonly BlockState[] {
    return this.#states;
  }

  /** When the node's job ends, milliseconds since 1970; undefined where nobody knows, as on one machine. */
  endOf(node: string): number | undefined {
    const found = this.#states.find(({ block }) => block.plan.nodes.includes(node));
    return found && endOf(found);
  }

  async close(): Promise<void> {
    await this.#loop.close();
  }

  /** A new block, or the start of one, shows in its files: then the scheduler is asked at once. */
  async #look(): Promise<void> {
    const { pilotDirectory, clock, logger, onChange } = this.#options;
    const blocks = listBlocks(pilotDirectory);
    const seen = blocks.map(({ plan, job, startedAtMs }) => `${plan.block} ${job} ${startedAtMs}`).join();
    const now = clock.monotonic();
    if (blocks.length === 0 || (seen === this.#seen && now - this.#askedAt < askEveryMs)) return;
    this.#seen = seen;
    this.#askedAt = now;
    try {
      this.#states = await readJobStates(blocks);
      this.#noteEnds();
    } catch (error) {
      // No such commands on this node, or a controller that is away: the jobs' own start and what was asked for tell.
      logger.warn({ error: messageOf(error) }, 'the scheduler does not answer here');
      const known = new Map(this.#states.map(({ block, state }) => [block.plan.block, state]));
      this.#states = blocks.map((block) => ({ block, state: known.get(block.plan.block) }));
    }
    onChange();
  }

  /** Schedulers forget their jobs; the budget of node-hours must not. */
  #noteEnds(): void {
    for (const { block, state } of this.#states) {
      if (state?.phase !== 'ended' || block.endedAtMs !== undefined) continue;
      writePrivate(blockPaths(block.directory).ended, String(this.#options.clock.now() / 1_000));
    }
  }
}
