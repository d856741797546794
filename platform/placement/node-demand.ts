/**
 * How many nodes the pilot should have: more are asked for from the scheduler where instances find no room, whole scheduler
 * jobs are given back where nothing runs. Pure; `platform/pilot` does what it says. Asking is slow and costs node-hours, so
 * what would come too late is not asked for.
 */
import { formatCount } from '#common';

/** One scheduler job: its nodes come and go together. */
export interface NodeJob {
  readonly id: string;
  readonly nodes: number;
  /** `waiting`: asked for and in the queue. */
  readonly state: 'waiting' | 'running';
  /** Since when all would have room without its nodes, monotonic; undefined while they are needed. */
  readonly idleSince: number | undefined;
  /** It holds the gateway or a broker: never given back. */
  readonly isHome: boolean;
  readonly remainingMs: number | undefined;
}

export interface NodeSnapshot {
  /** Monotonic milliseconds. */
  readonly now: number;
  readonly jobs: readonly NodeJob[];
  readonly slotsPerNode: number;
  /** Slots of instances that no node has room for, because cores, memory or GPUs are short. */
  readonly unplacedSlots: number;
  /** In which time the nodes that are there would be done with what waits; undefined when unknown. */
  readonly drainMs: number | undefined;
  /** How long scheduler jobs of this size wait; undefined before the first one has come. */
  readonly queueWaitMs: number | undefined;
  /** Node-hours spent so far. */
  readonly nodeHours: number;
}

export interface NodePolicy {
  readonly nodesMin: number;
  readonly nodesMax: number;
  /** Node-hours that may be spent in all; undefined: without end. */
  readonly nodeHoursMax: number | undefined;
  /** An idle job is kept this long: the next burst may need it, and the queue is slow. */
  readonly keepAliveMs: number;
  /** Want must last this long before it is asked for: a burst is over before a queue moves. */
  readonly patienceMs: number;
  /** Walltime of a job asked for; what it costs at most. */
  readonly walltimeMs: number;
}

/** Since when instances have found no room; undefined while all do. */
export type NodeMemory = { readonly shortSince: number | undefined };

export type NodeAction =
  | { readonly kind: 'hold' }
  | { readonly kind: 'ask'; readonly nodes: number }
  | { readonly kind: 'give-back'; readonly jobs: readonly string[] };

export interface NodeDecision {
  readonly action: NodeAction;
  readonly reason: string;
  readonly memory: NodeMemory;
}

const hourMs = 3_600_000;
/** Nodes that could be used for less than this are not worth a job. */
const leastUseMs = 60_000;

export function decideNodes(snapshot: NodeSnapshot, policy: NodePolicy, memory: NodeMemory): NodeDecision {
  if (snapshot.unplacedSlots > 0) return decideAsk(snapshot, policy, memory);
  return decideGiveBack(snapshot, policy);
}

function decideAsk(snapshot: NodeSnapshot, policy: NodePolicy, memory: NodeMemory): NodeDecision {
  const { now, jobs, slotsPerNode, unplacedSlots, drainMs, queueWaitMs } = snapshot;
  const shortSince = memory.shortSince ?? now;
  const hold = (why: string): NodeDecision => ({
    action: { kind: 'hold' },
    reason: `${formatCount(unplacedSlots, 'slot')} short; ${why}`,
    memory: { shortSince },
  });
  if (now - shortSince < policy.patienceMs) return hold(`asked for after ${seconds(policy.patienceMs)}`);
  const waiting = nodesOf(jobs, 'waiting');
  const short = Math.ceil(unplacedSlots / slotsPerNode) - waiting;
  if (short <= 0) return hold(`${formatCount(waiting, 'node')} in the queue`);
  const room = policy.nodesMax - nodesOf(jobs, 'running') - waiting;
  if (room <= 0) return hold(`the most is ${formatCount(policy.nodesMax, 'node')}`);
  const affordable = affordableNodes(snapshot, policy);
  if (affordable <= 0) return hold(`the budget of ${policy.nodeHoursMax} node-hours is spent or promised`);
  const homeMs = homeRemainingMs(jobs);
  if (homeMs < (queueWaitMs ?? 0) + leastUseMs)
    return hold(`the pilot's own job ends in ${seconds(homeMs)}, the queue takes ${seconds(queueWaitMs ?? 0)}`);
  if (queueWaitMs !== undefined && drainMs !== undefined && drainMs < queueWaitMs)
    return hold(`done in ${seconds(drainMs)}, the queue takes ${seconds(queueWaitMs)}`);
  const nodes = Math.min(short, room, affordable);
  const queue = queueWaitMs === undefined ? 'queue wait unknown' : `queue wait ${seconds(queueWaitMs)}`;
  return {
    action: { kind: 'ask', nodes },
    reason: `${formatCount(unplacedSlots, 'slot')} short for ${seconds(now - shortSince)}, ${slotsPerNode} a node, ${queue} -> ask for ${nodes}`,
    memory: { shortSince },
  };
}

/** How long gateway and streams stay; without end where no end is known, or a successor follows. */
function homeRemainingMs(jobs: readonly NodeJob[]): number {
  const homes = jobs.filter(({ isHome }) => isHome).map(({ remainingMs }) => remainingMs ?? Number.POSITIVE_INFINITY);
  return homes.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...homes);
}

/** What is promised counts as spent: running jobs cost until their end. */
function affordableNodes({ jobs, nodeHours }: NodeSnapshot, { nodeHoursMax, walltimeMs }: NodePolicy): number {
  if (nodeHoursMax === undefined) return Number.POSITIVE_INFINITY;
  const promised = jobs.reduce((sum, job) => sum + (job.nodes * (job.remainingMs ?? walltimeMs)) / hourMs, 0);
  return Math.floor((nodeHoursMax - nodeHours - promised) / (walltimeMs / hourMs));
}

function decideGiveBack({ now, jobs }: NodeSnapshot, policy: NodePolicy): NodeDecision {
  const memory = { shortSince: undefined };
  const given: string[] = [];
  let left = nodesOf(jobs, 'running') + nodesOf(jobs, 'waiting');
  // What is still in the queue costs nothing to give up: it goes first, and soon; then what has been idle longest.
  const keptMs = ({ state }: NodeJob) => (state === 'waiting' ? policy.patienceMs : policy.keepAliveMs);
  const order = jobs
    .filter((job) => !job.isHome && isIdle(job, now, keptMs(job)))
    .sort(
      (a, b) => (a.state === 'waiting' ? -1 : (a.idleSince ?? 0)) - (b.state === 'waiting' ? -1 : (b.idleSince ?? 0)),
    );
  for (const job of order) {
    if (left - job.nodes < policy.nodesMin) continue;
    given.push(job.id);
    left -= job.nodes;
  }
  if (given.length === 0) return { action: { kind: 'hold' }, reason: 'all has room', memory };
  const idleMs = Math.min(
    ...order.filter(({ id }) => given.includes(id)).map(({ idleSince = now }) => now - idleSince),
  );
  const reason = `all has had room without them for ${seconds(idleMs)} -> give back ${given.join(', ')}`;
  return { action: { kind: 'give-back', jobs: given }, reason, memory };
}

function isIdle({ idleSince }: NodeJob, now: number, keepAliveMs: number): boolean {
  return idleSince !== undefined && now - idleSince >= keepAliveMs;
}

function nodesOf(jobs: readonly NodeJob[], state: NodeJob['state']): number {
  return jobs.reduce((sum, job) => (job.state === state ? sum + job.nodes : sum), 0);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
