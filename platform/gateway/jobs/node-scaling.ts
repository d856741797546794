/**
 * Keeps the pilot as large as its work: asks the scheduler for more nodes where instances find no room, and gives whole jobs
 * back that it asked for and nothing needs. What to do is decided in #placement; here are what is seen and what is done.
 */
import { type Clock, messageOf, PlatformError } from '#common';
import {
  type Block,
  endOf,
  listBlocks,
  type NodeLimits,
  type NodeProvider,
  nodeHoursSpent,
  openNodeProvider,
  queueWaitMs,
} from '#pilot';
import { decideNodes, type NodeJob, type NodeMemory, type NodePolicy, shortSlots, spareJobs } from '#placement';
import type { GetNodeScaleResponse } from '#proto';
import type { Logger } from '#telemetry';
import { LookLoop } from '../look-loop.ts';
import type { Fleet } from '../nodes/fleet.ts';
import type { JobWatch } from '../nodes/job-watch.ts';
import { nodesName } from '../scaling/decision-log.ts';
import type { ScalingLoop } from '../scaling/scaling-loop.ts';

export interface NodeScalingOptions {
  readonly pilotDirectory: string;
  readonly limits: NodeLimits;
  readonly jobs: JobWatch;
  readonly fleet: Fleet;
  readonly scaling: ScalingLoop;
  readonly clock: Clock;
  readonly logger: Logger;
}

const keepAliveMsDefault = 60_000;
/** A burst is over before a queue moves. */
const patienceMs = 5_000;
/** After a scheduler refused a job, or one ended before its nodes had joined. */
const afterFailureMs = 60_000;
/** What still runs on nodes that are given back; the rest runs elsewhere. */
const drainGraceMs = 30_000;

export class NodeScaling {
  readonly #options: NodeScalingOptions;
  readonly #provider: NodeProvider;
  readonly #loop: LookLoop;
  readonly #joined = new Set<string>();
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #idleSince = new Map<string, number>();
  #memory: NodeMemory = { shortSince: undefined };
  #holdUntil = Number.NEGATIVE_INFINITY;
  #view: Omit<GetNodeScaleResponse, 'decisions'> | undefined;

  constructor(options: NodeScalingOptions) {
    this.#options = options;
    this.#provider = openNodeProvider(options.pilotDirectory, options.clock);
    this.#loop = new LookLoop({
      ...options,
      look: () => this.#look(),
      failure: 'the number of nodes cannot be looked at',
    });
  }

  /** Undefined before the first look. */
  get view(): GetNodeScaleResponse | undefined {
    return this.#view && { ...this.#view, decisions: [...this.#options.scaling.decisions.of(nodesName)] };
  }

  async close(): Promise<void> {
    await this.#loop.close();
  }

  async #look(): Promise<void> {
    const { clock, scaling, limits, jobs: watch } = this.#options;
    const blocks = listBlocks(this.#options.pilotDirectory);
    const round = scaling.placed;
    const [first] = blocks;
    if (!round || !first) return;
    const jobs = this.#jobs(blocks);
    const policy = policyOf(first, jobs, limits);
    const short = shortSlots(round, policy.walltimeMs);
    const nodeHours = nodeHoursSpent(watch.states, clock.now());
    const decision = decideNodes(
      {
        now: clock.monotonic(),
        jobs,
        slotsPerNode: slotsOf(first) ?? round.nodes[0]?.slots ?? 1,
        unplacedSlots: [...short.values()].reduce((sum, slots) => sum + slots, 0),
        drainMs: longest([...short.keys()].map((name) => scaling.drainMsOf(name))),
        queueWaitMs: blocks.map(queueWaitMs).findLast((ms) => ms !== undefined),
        nodeHours,
      },
      policy,
      this.#memory,
    );
    this.#memory = decision.memory;
    const total = nodesIn(jobs);
    this.#view = {
      nodes: total,
      waiting: nodesIn(jobs.filter(({ state }) => state === 'waiting')),
      nodesMin: policy.nodesMin,
      nodesMax: policy.nodesMax,
      nodeHours,
      nodeHoursMax: policy.nodeHoursMax ?? 0,
      reason: this.#reasonNow(decision.reason),
    };
    const { action, reason } = decision;
    if (action.kind === 'ask') await this.#ask(action.nodes, total, reason, policy.walltimeMs);
    if (action.kind === 'give-back') this.#giveBack(action.jobs, jobs, total, reason);
  }

  /** Those that live and stay, with what is known of each. */
  #jobs(blocks: readonly Block[]): NodeJob[] {
    const { jobs, clock, fleet, scaling } = this.#options;
    const states = new Map(jobs.states.map((each) => [each.block.plan.block, each]));
    const phaseOf = ({ plan }: Block) => states.get(plan.block)?.state?.phase ?? 'queued';
    this.#noteJoined(blocks, new Set(fleet.ready().map((link) => link.entry.node)));
    this.#noteFailed(blocks.filter((block) => phaseOf(block) === 'ended'));
    const living = blocks.filter(
      (block) => !block.stopping && !this.#leaving.has(block.plan.block) && !/^end/.test(phaseOf(block)),
    );
    const own = living.filter(({ plan }) => plan.scaled);
    const spare = scaling.placed
      ? spareJobs(
          own.map(({ plan }) => ({ id: plan.block, nodes: plan.nodes })),
          scaling.placed,
        )
      : new Set<string>();
    for (const name of this.#idleSince.keys()) if (!spare.has(name)) this.#idleSince.delete(name);
    for (const name of spare) if (!this.#idleSince.has(name)) this.#idleSince.set(name, clock.monotonic());
    return living.map((block): NodeJob => {
      const { plan } = block;
      const end = endOf(states.get(plan.block) ?? { block, state: undefined });
      return {
        id: plan.block,
        nodes: plan.nodes.length,
        // Nodes that are about to join are not asked for a second time; those that were lost are.
        state: this.#joined.has(plan.block) ? 'running' : 'waiting',
        idleSince: this.#idleSince.get(plan.block),
        isHome: plan.scaled !== true,
        remainingMs: end === undefined || plan.renew ? undefined : Math.max(0, end - clock.now()),
      };
    });
  }

  #noteJoined(blocks: readonly Block[], ready: ReadonlySet<string>): void {
    for (const { plan } of blocks) if (plan.nodes.every((node) => ready.has(node))) this.#joined.add(plan.block);
  }

  /** The next one would fail as well. */
  #noteFailed(ended: readonly Block[]): void {
    for (const { plan, stopping } of ended) {
      if (plan.scaled !== true || stopping || this.#joined.has(plan.block)) continue;
      this.#joined.add(plan.block);
      this.#holdUntil = this.#options.clock.monotonic() + afterFailureMs;
      this.#options.logger.warn({ block: plan.block }, 'nodes that were asked for have not joined');
    }
  }

  #reasonNow(reason: string): string {
    const leftMs = this.#holdUntil - this.#options.clock.monotonic();
    return leftMs > 0 ? `${reason}; the last request failed, none for ${Math.ceil(leftMs / 1_000)} s` : reason;
  }

  async #ask(nodes: number, total: number, reason: string, walltimeMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    if (clock.monotonic() < this.#holdUntil) return;
    try {
      const walltime = Number.isFinite(walltimeMs) ? { walltimeMs: Math.floor(walltimeMs) } : {};
      const block = await this.#provider.request(nodes, { ...walltime, scaled: true });
      this.#decided(total, total + nodes, `${reason} (${block.plan.block}, job ${block.job})`);
    } catch (error) {
      this.#holdUntil = clock.monotonic() + afterFailureMs;
      const { message, hint } = PlatformError.from(error);
      logger.warn({ error: message, hint }, 'more nodes were refused');
      this.#decided(total, total, `${reason}: ${message}`);
    }
  }

  #giveBack(names: readonly string[], jobs: readonly NodeJob[], total: number, reason: string): void {
    const given = nodesIn(jobs.filter(({ id }) => names.includes(id)));
    this.#decided(total, total - given, reason);
    for (const name of names) {
      const leaving = this.#leave(name).catch((error: unknown) => {
        this.#options.logger.warn(
          { block: name, error: messageOf(error) },
          'a job could not be given back, trying again',
        );
      });
      this.#leaving.set(
        name,
        leaving.finally(() => this.#leaving.delete(name)),
      );
    }
  }

  /** What a node cannot end within its grace it hands back; a node that does not answer holds nothing. */
  async #leave(name: string): Promise<void> {
    const { fleet, pilotDirectory } = this.#options;
    const nodes = listBlocks(pilotDirectory).find(({ plan }) => plan.block === name)?.plan.nodes ?? [];
    await Promise.allSettled(nodes.map((node) => fleet.link(node)?.drain(drainGraceMs)));
    await this.#provider.giveBack(name);
  }

  #decided(from: number, to: number, reason: string): void {
    const { clock, logger, scaling } = this.#options;
    logger.info({ from, to, reason }, 'nodes');
    scaling.decisions.add({ timeMs: clock.now(), function: nodesName, from, to, reason });
  }
}

function policyOf(first: Block, jobs: readonly NodeJob[], limits: NodeLimits): NodePolicy {
  const homes = jobs.filter(({ isHome }) => isHome);
  const homeMs = Math.max(0, ...homes.map(({ remainingMs }) => remainingMs ?? Number.POSITIVE_INFINITY));
  return {
    nodesMin: nodesIn(homes),
    nodesMax: limits.nodesMax ?? 0,
    nodeHoursMax: limits.nodeHoursMax,
    keepAliveMs: limits.keepAliveMs ?? keepAliveMsDefault,
    patienceMs,
    // Nodes are of no use once the pilot has ended.
    walltimeMs: Math.min(first.plan.request.walltimeMs ?? Number.POSITIVE_INFINITY, homeMs),
  };
}

function slotsOf({ plan }: Block): number | undefined {
  return plan.request.coresPerNode;
}

/** Undefined where one is unknown. */
function longest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.flatMap((ms) => ms ?? []);
  return known.length === times.length && known.length > 0 ? Math.max(...known) : undefined;
}

function nodesIn(jobs: readonly NodeJob[]): number {
  return jobs.reduce((sum, { nodes }) => sum + nodes, 0);
}
