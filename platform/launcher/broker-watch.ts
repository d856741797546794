/**
 * On the other nodes of the job that holds the pilot's only broker: once that has been away for a minute, and the scheduler
 * has taken its node from the job, the job goes back into the queue and brings the pilot up again with all that was stored.
 * Silence alone is not enough: behind a wire that is cut the pilot may be well.
 */
import { join } from 'node:path';
import { messageOf } from '#common';
import type { ChildMessage, NodeConfig } from '#model';
import { type Block, pilotPaths, readBlock, schedulerOf } from '#pilot';
import type { Logger } from '#telemetry';

/** A server that starts anew is back within seconds. */
const awayMsMax = 60_000;
const askEveryMs = 30_000;
/** So many nodes watch: where all of them are lost as well, little is left of the job. */
const watchersMax = 3;

export class BrokerWatch {
  readonly #config: NodeConfig;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  /** Runs while the broker is away. */
  #timer: NodeJS.Timeout | undefined;

  constructor(config: NodeConfig, logger: Logger, signal: AbortSignal) {
    this.#config = config;
    this.#logger = logger;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.back(), { once: true });
  }

  /** The node's agent has the connection. */
  onMessage(message: ChildMessage): void {
    if (!('broker' in message)) return;
    if (message.broker === 'away') this.away();
    else this.back();
  }

  away(): void {
    if (!this.#signal.aborted) this.#timer ??= setTimeout(() => void this.#ask(), awayMsMax);
  }

  back(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    try {
      const block = watchedBlock(this.#config);
      if (block?.job === undefined) return;
      if (!(await schedulerOf(block).requeueHeadless?.(block.job))) return;
      this.#logger.warn({ job: block.job }, 'the only broker is lost with its node: the job goes back into the queue');
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, 'the only broker is away, and the scheduler cannot be asked');
    } finally {
      // It may have come back meanwhile.
      if (this.#timer) this.#timer = setTimeout(() => void this.#ask(), askEveryMs);
    }
  }
}

/** Undefined where this node has nothing to watch: an extension's job waits for the broker's to run again. */
function watchedBlock({ node, block: name, broker, brokers, pilotDirectory }: NodeConfig): Block | undefined {
  if (name === undefined || broker || brokers > 1) return undefined;
  const block = readBlock(join(pilotPaths(pilotDirectory).blocks, name));
  return block?.plan.brokers === 1 && block.plan.nodes.indexOf(node) <= watchersMax ? block : undefined;
}
