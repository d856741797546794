/**
 * More nodes and fewer, within the limits that the user set: what `pilot extend` and `pilot shrink` do, and what the
 * autoscaler may. Each extension is a scheduler job of its own, given back whole; the jobs that hold gateway or brokers stay.
 */
import { type Clock, PlatformError } from '#common';
import { writePrivate } from '#security';
import { pilotPaths } from '../files/home.ts';
import { readPilotRecord } from '../files/records.ts';
import type { JobPhase, NodeRequest } from '../scheduler/index.ts';
import { type Block, blockPaths, listBlocks, queueWaitMs } from './blocks.ts';
import { type BlockState, endOf, readJobStates } from './job-states.ts';
import { hoursSpent, hoursUsed, type NodeLimits, type NodeUse } from './node-limits.ts';
import { endedHead, jobEnded } from './pilot-end.ts';
import { schedulerOf, startBlock } from './start-block.ts';

export interface NodeJob {
  /** Names it to `giveBack`. */
  readonly block: string;
  readonly nodes: readonly string[];
  readonly phase: JobPhase;
  /** The scheduler's word and reason, for people. */
  readonly word: string;
  readonly reason: string;
  readonly queueWaitMs: number | undefined;
  readonly endsAtMs: number | undefined;
  /** It may be given back while the pilot goes on. */
  readonly spare: boolean;
  /** The gateway asked for it by itself. */
  readonly scaled: boolean;
}

/** What a request may say differently from the pilot's first job. */
export type NodeChanges = Partial<NodeRequest> & { readonly scaled?: boolean };

export interface NodeProvider {
  /** One query of the scheduler. Throws `unavailable` where it does not answer. */
  jobs(): Promise<readonly NodeJob[]>;
  /**
   * Submits a job for so many more nodes, like the pilot's first ones but for what `changes` says; returns its block at
   * once, its nodes join when it runs. Throws `no-capacity` at a limit, `invalid` with the scheduler's own words.
   */
  request(nodes: number, changes?: NodeChanges): Promise<Block>;
  /** The nodes must have been drained. The job ends by itself within seconds, one that waits is taken from the queue. */
  giveBack(block: string): Promise<void>;
}

/** Throws `usage` for a pilot whose nodes no scheduler gave. */
export function openNodeProvider(pilotDirectory: string, clock: Clock): NodeProvider {
  const first = listBlocks(pilotDirectory)[0];
  if (!first) {
    throw new PlatformError(
      'usage',
      'the nodes of this pilot belong to no scheduler job: there is nobody to ask for more',
      {
        hint: 'Bring it up with more: pilotfish up --nodes N',
      },
    );
  }
  return {
    jobs: async () => {
      const states = await readJobStates(listBlocks(pilotDirectory));
      return states.map((each) => jobOf(each, followed(each.block, states) !== undefined));
    },
    async request(nodes, { scaled, ...changes } = {}) {
      const limits = readLimits(pilotDirectory);
      const request = { ...first.plan.request, ...withoutUndefined(changes), nodes };
      const states = await readJobStates(listBlocks(pilotDirectory));
      checkHome(states);
      checkLimits(limits, usesOf(states), { nodes, walltimeMs: request.walltimeMs }, clock.now());
      // What the gateway asks for by load, it asks for anew.
      const renew = first.plan.renew && scaled !== true;
      return await startBlock({ ...orderOf(first), request, brokers: 0, gateway: false, renew, scaled });
    },
    async giveBack(name) {
      const block = listBlocks(pilotDirectory).find(({ plan }) => plan.block === name);
      if (!block) throw new PlatformError('not-found', `the pilot has no block "${name}"`);
      if (!isSpare(block)) {
        throw new PlatformError('conflict', `block ${name} holds the pilot's gateway or brokers`, {
          hint: 'End the pilot instead: pilotfish down',
        });
      }
      // Nor is anybody to take its place.
      for (const each of listBlocks(pilotDirectory)) if (each.plan.follows === name) await endBlock(each);
      await endBlock(block);
    },
  };
}

/** Its launchers drain and end; one that waits is taken from the queue. */
export async function endBlock(block: Block): Promise<void> {
  writePrivate(blockPaths(block.directory).stop, '');
  const [found] = await readJobStates([block]);
  // One that was requeued after a power cut has no launcher that could see the file.
  if (found?.state?.phase === 'queued') await schedulerOf(block).cancel(found.state.id);
}

/** What the user has set. */
export function readLimits(pilotDirectory: string): NodeLimits {
  return readPilotRecord(pilotPaths(pilotDirectory).record)?.limits ?? {};
}

/** Node-hours that the pilot's jobs have used so far. */
export function nodeHoursSpent(states: readonly BlockState[], nowMs: number): number {
  return hoursSpent(usesOf(states), nowMs);
}

/** A job like this block's, to take its place before its walltime is over. Throws `no-capacity` past the budget of node-hours. */
export async function startSuccessor({ plan }: Block, nowMs: number): Promise<Block> {
  const { request, brokers, pilotDirectory, block: follows } = plan;
  const { nodeHoursMax } = readLimits(pilotDirectory);
  const uses = usesOf(await readJobStates(listBlocks(pilotDirectory)));
  // For a moment there are more nodes than --max-nodes says: it takes a place and no further one.
  checkLimits({ nodeHoursMax }, uses, { nodes: request.nodes, walltimeMs: request.walltimeMs }, nowMs);
  return await startBlock({ ...orderOf({ plan }), request, brokers, gateway: false, renew: true, follows });
}

/** A plan without what is a block's own. */
function orderOf({ plan }: Pick<Block, 'plan'>) {
  const { pilot, pilotDirectory, resource, stage, storeBytes, pilotBrokers } = plan;
  const network = plan.interface === undefined ? {} : { interface: plan.interface };
  return { pilot, pilotDirectory, resource, stage, storeBytes, pilotBrokers, ...network };
}

function isSpare({ plan }: Block): boolean {
  return !plan.gateway && plan.brokers === 0;
}

/** The living one whose place it is about to take: the two go back together. */
function followed({ plan }: Block, states: readonly BlockState[]): BlockState | undefined {
  return states.find(
    ({ block, state }) => block.plan.block === plan.follows && !block.stopping && state?.phase !== 'ended',
  );
}

function jobOf(each: BlockState, follows: boolean): NodeJob {
  const { block, state } = each;
  return {
    block: block.plan.block,
    nodes: block.plan.nodes,
    phase: state?.phase ?? 'queued',
    word: state?.word ?? 'unknown',
    reason: state?.reason ?? '',
    queueWaitMs: queueWaitMs(block),
    endsAtMs: endOf(each),
    spare: isSpare(block) && !block.stopping && !follows,
    scaled: block.plan.scaled === true,
  };
}

function usesOf(states: readonly BlockState[]): NodeUse[] {
  return states.map((each) => ({
    nodes: each.block.plan.nodes.length,
    phase: each.state?.phase ?? 'queued',
    startedAtMs: each.block.startedAtMs,
    endedAtMs: each.block.endedAtMs,
    endsAtMs: endOf(each),
    walltimeMs: each.block.plan.request.walltimeMs,
  }));
}

/** Nodes without a gateway and servers to join would wait for them in vain. Throws `unavailable`. */
function checkHome(states: readonly BlockState[]): void {
  const head = endedHead(states);
  if (head) throw jobEnded(head);
}

/** Throws `no-capacity` saying which limit, what is used and what was asked for. */
function checkLimits(
  { nodesMax, nodeHoursMax }: NodeLimits,
  uses: readonly NodeUse[],
  asked: { readonly nodes: number; readonly walltimeMs: number | undefined },
  nowMs: number,
): void {
  const held = uses.filter(({ phase }) => phase !== 'ended').reduce((sum, { nodes }) => sum + nodes, 0);
  if (nodesMax !== undefined && held + asked.nodes > nodesMax) {
    throw new PlatformError(
      'no-capacity',
      `the pilot has ${held} nodes; ${asked.nodes} more would pass --max-nodes ${nodesMax}`,
    );
  }
  if (nodeHoursMax === undefined) return;
  if (asked.walltimeMs === undefined) {
    throw new PlatformError('no-capacity', 'a node-hours budget needs a walltime to count with', {
      hint: 'Say it with --walltime.',
    });
  }
  const hours = hoursUsed([...uses, { ...asked, phase: 'queued', startedAtMs: undefined, endsAtMs: undefined }], nowMs);
  if (hours > nodeHoursMax) {
    throw new PlatformError(
      'no-capacity',
      `with ${asked.nodes} more nodes the pilot could use ${hours.toFixed(1)} node-hours; --node-hours is ${nodeHoursMax}`,
    );
  }
}

function withoutUndefined(changes: Partial<NodeRequest>): Partial<NodeRequest> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
