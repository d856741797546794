/** Asks for jobs that follow others, none of them twice in a moment, and tells those who look on what came of it. */
import { type Clock, messageOf } from '#common';
import { type Block, startSuccessor } from '#pilot';
import type { Logger } from '#telemetry';
import type { Happenings } from '../observe/index.ts';

export interface SuccessorsOptions {
  readonly happenings: Pick<Happenings, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One that was refused, or ended before its nodes had joined, is asked for again, not every second. */
const askEveryMs = 10_000;

export class Successors {
  readonly #options: SuccessorsOptions;
  /** When a successor was last asked for, by the block's name. */
  readonly #askedAt = new Map<string, number>();
  readonly #told = new Map<string, string>();

  constructor(options: SuccessorsOptions) {
    this.#options = options;
  }

  /** A refusal is told, and no error: the block's job goes on to its end, and it is asked for again. */
  async ask(block: Block): Promise<void> {
    const { clock, logger } = this.#options;
    const { block: name, nodes } = block.plan;
    if (clock.monotonic() - (this.#askedAt.get(name) ?? Number.NEGATIVE_INFINITY) < askEveryMs) return;
    this.#askedAt.set(name, clock.monotonic());
    try {
      const { plan, job } = await startSuccessor(block, clock.now());
      logger.info({ block: name, successor: plan.block, job }, 'a job is to follow');
      this.#tell(name, nodes[0] ?? '', `job ${job} is to follow job ${block.job}`, 'info');
    } catch (error) {
      logger.warn({ block: name, error: messageOf(error) }, 'no job follows, trying again');
      this.#tell(name, nodes[0] ?? '', `no job follows job ${block.job}: ${messageOf(error)}`, 'warn');
    }
  }

  #tell(block: string, node: string, text: string, level: 'info' | 'warn'): void {
    if (this.#told.get(block) === text) return;
    this.#told.set(block, text);
    this.#options.happenings.add('node', node, text, level);
  }
}
