/** Keeps `launcher.json` true: the launcher, its children, and the instances that the node's agent has started. */
import { messageOf } from '#common';
import { type ChildMessage, type NodeConfig, readStartTicks } from '#model';
import { killGroup, type LauncherRecord, nodePaths, type ProcessId } from '#pilot';
import { writePrivate } from '#security';
import type { Logger } from '#telemetry';
import type { SupervisedChild } from './supervised-child.ts';

export interface RecordKeeperOptions {
  readonly config: NodeConfig;
  readonly runDirectory: string;
  readonly children: () => Iterable<SupervisedChild>;
  readonly logger: Logger;
  /** The record cannot be written: somebody removed the pilot by hand. */
  readonly onLost: () => void;
}

/** Many instances start together: their records are written together. */
const instanceDelayMs = 20;

export class RecordKeeper {
  readonly #options: RecordKeeperOptions;
  readonly #instances = new Map<number, ProcessId>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecordKeeperOptions) {
    this.#options = options;
  }

  onMessage(message: ChildMessage): void {
    if ('started' in message) this.#instances.set(message.started.pid, message.started);
    else if ('ended' in message) this.#instances.delete(message.ended.pid);
    else return;
    this.#timer ??= setTimeout(() => this.write(), instanceDelayMs);
  }

  /** What a dead agent leaves behind would go on working beside its successor's instances. */
  killInstances(): void {
    for (const instance of this.#instances.values()) {
      if (killGroup(instance)) this.#options.logger.warn({ pid: instance.pid }, 'left-over instance killed');
    }
    this.#instances.clear();
  }

  write(): void {
    this.close();
    const { config, runDirectory, children, logger, onLost } = this.#options;
    const record: LauncherRecord = {
      node: config.node,
      launcher: { pid: process.pid, startTicks: readStartTicks(process.pid) ?? '0' },
      runDirectory,
      children: [...children()].flatMap((child) => (child.process ? [{ name: child.name, ...child.process }] : [])),
      instances: [...this.#instances.values()],
    };
    try {
      writePrivate(nodePaths(config.nodeDirectory).record, JSON.stringify(record));
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the record cannot be written');
      onLost();
    }
  }

  /** Drops a write that was due. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
