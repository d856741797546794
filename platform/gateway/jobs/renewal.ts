/**
 * Carries a pilot over the end of its job's walltime: the steps are decided in #pilot's renewal plan, here are their
 * effects. Every step may be done twice, by this gateway or by the next.
 */
import { existsSync, rmSync } from 'node:fs';
import type { JetStreamManager } from '@nats-io/jetstream';
import { blockTag, placeStreams, readSeed, removeServers, straying } from '#broker';
import type { Clock } from '#common';
import type { GatewayConfig } from '#model';
import {
  type Block,
  blockPaths,
  decideRenewal,
  listBlocks,
  longestQueueWaitMs,
  pilotPaths,
  type RenewalStep,
  readBrokerRecords,
} from '#pilot';
import { brokerServerName, serverNameOf, writePrivate } from '#security';
import type { Logger } from '#telemetry';
import { LookLoop } from '../look-loop.ts';
import type { Fleet } from '../nodes/fleet.ts';
import type { JobWatch } from '../nodes/job-watch.ts';
import type { Successors } from './successors.ts';

export interface RenewalOptions {
  readonly config: GatewayConfig;
  readonly ca: string;
  readonly manager: JetStreamManager;
  readonly jobs: JobWatch;
  readonly fleet: Fleet;
  readonly successors: Successors;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends this gateway; another one is to act. */
  readonly handOver: (reason: string) => void;
}

/** A scheduler that refused a job is asked again, not every second. */
const afterFailureMs = 10_000;
/** What still runs on an old block's nodes when everything else has moved. */
const drainGraceMs = 20_000;

export class Renewal {
  readonly #options: RenewalOptions;
  readonly #loop: LookLoop;
  #told = '';

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#loop = new LookLoop({
      ...options,
      look: () => this.#look(),
      failure: 'a step of the renewal failed and is tried again',
      afterFailureMs,
    });
  }

  async close(): Promise<void> {
    await this.#loop.close();
  }

  async #look(): Promise<void> {
    const { config, clock } = this.#options;
    const blocks = this.#brokerBlocks();
    const newest = blocks.at(-1);
    if (!newest?.plan.renew) return;
    const step = decideRenewal({
      nowMs: clock.now(),
      blocks: blocks.map((block) => ({
        block: block.plan.block,
        endsAtMs: this.#options.jobs.endOf(block.plan.nodes[0] ?? ''),
        joined: this.#hasJoined(block),
      })),
      actingBlock: config.block ?? '',
      strayStreams: blocks.length > 1 ? await this.#countStray(newest) : 0,
      queueWaitMs: longestQueueWaitMs(listBlocks(config.pilotDirectory)),
    });
    this.#tell(step);
    await this.#do(step, blocks);
  }

  /** Those that hold brokers and live, as far as is known. */
  #brokerBlocks(): Block[] {
    const { config, jobs } = this.#options;
    const ended = new Set(
      jobs.states.flatMap(({ block, state }) => (state?.phase === 'ended' ? [block.plan.block] : [])),
    );
    return listBlocks(config.pilotDirectory).filter(
      ({ plan, stopping }) => plan.brokers > 0 && !stopping && !ended.has(plan.block),
    );
  }

  #hasJoined({ plan }: Block): boolean {
    const { config, fleet } = this.#options;
    const servers = readBrokerRecords(pilotPaths(config.pilotDirectory).brokers).filter(({ server }) => server !== '');
    const ready = new Set(fleet.ready().map((link) => link.entry.node));
    const answering = plan.nodes.filter((node) => servers.some((record) => record.node === node)).length;
    return answering >= plan.brokers && plan.nodes.every((node) => ready.has(node));
  }

  async #countStray(newest: Block): Promise<number | undefined> {
    try {
      return (await straying(this.#options.manager, this.#serversOf(newest))).length;
    } catch {
      // A leader is being elected: asked again.
      return undefined;
    }
  }

  #serversOf({ plan }: Block): Set<string> {
    return new Set(plan.nodes.slice(0, plan.brokers).map((node) => serverNameOf(plan.pilot, node)));
  }

  async #do(step: RenewalStep, blocks: readonly Block[]): Promise<void> {
    const { config, manager, successors, handOver } = this.#options;
    const acting = blocks.find(({ plan }) => plan.block === config.block) ?? blocks[0];
    if (step.kind === 'submit' && acting) await successors.ask(acting);
    if (step.kind === 'place') await placeStreams(manager, blockTag(step.block));
    if (step.kind === 'hand-over') {
      for (const { directory } of blocks.slice(0, -1)) writePrivate(blockPaths(directory).retired, '');
      handOver('the pilot is renewed');
    }
    const old = step.kind === 'retire' ? blocks.find(({ plan }) => plan.block === step.block) : undefined;
    if (old) await this.#retire(old);
  }

  /** Agents finish and leave, servers leave the group, then the job may end. */
  async #retire(old: Block): Promise<void> {
    const { config, ca, fleet } = this.#options;
    writePrivate(blockPaths(old.directory).retired, '');
    await Promise.allSettled(old.plan.nodes.map((node) => fleet.link(node)?.drain(drainGraceMs)));
    const tls = { ca, serverName: brokerServerName(config.pilot) };
    const paths = pilotPaths(config.pilotDirectory);
    await removeServers({ servers: config.brokers, seed: readSeed(paths.seed('system')), tls }, [
      ...this.#serversOf(old),
    ]);
    // Whoever starts from now on does not look for them.
    for (const node of old.plan.nodes) if (existsSync(paths.broker(node))) rmSync(paths.broker(node));
    writePrivate(blockPaths(old.directory).stop, '');
  }

  #tell(step: RenewalStep): void {
    const text = step.kind === 'wait' ? step.why.replace(/in \d+ s$/, 'later') : JSON.stringify(step);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.logger.info({ step }, 'renewal');
  }
}
