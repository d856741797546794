/** The nodes of a simulated pilot: further scheduler jobs come after their time in the queue, by the very decision of the gateway. */
import { decideNodes, type NodeJob, type NodeMemory, type NodePolicy } from '#placement';
import type { Trace } from './traces.ts';

interface SimNode {
  readonly id: string;
  readonly slots: number;
  readonly job: string;
}

interface SimJob {
  readonly nodes: number;
  state: NodeJob['state'];
  idleSince: number | undefined;
}

const home = 'first';
const slotsPerNode = 8;
const policy: NodePolicy = {
  nodesMin: 1,
  nodesMax: 4,
  nodeHoursMax: undefined,
  keepAliveMs: 30_000,
  patienceMs: 2_000,
  walltimeMs: 3_600_000,
};

export class SimNodes {
  here: readonly SimNode[];
  /** Undefined: there is no queue to ask. */
  readonly #queueMs: number | undefined;
  readonly #jobs = new Map<string, SimJob>();
  #asked = 0;
  #memory: NodeMemory = { shortSince: undefined };

  constructor({ nodes, queueSeconds }: Trace) {
    this.here = nodes.map((node) => ({ ...node, job: home }));
    this.#queueMs = queueSeconds === undefined ? undefined : queueSeconds * 1_000;
    this.#jobs.set(home, { nodes: nodes.length, state: 'running', idleSince: undefined });
  }

  lose(node: string): void {
    this.here = this.here.filter(({ id }) => id !== node);
  }

  join(id: string): void {
    const job = this.#jobs.get(id);
    if (!job) return;
    job.state = 'running';
    const nodes = Array.from({ length: job.nodes }, (_, at) => ({ id: `${id}-${at}`, slots: slotsPerNode, job: id }));
    this.here = [...this.here, ...nodes];
  }

  /** Gives back what is idle; returns the job that was asked for, and when it joins. */
  decide(
    now: number,
    unplacedSlots: number,
    isUsed: (node: string) => boolean,
  ): { readonly job: string; readonly at: number } | undefined {
    if (this.#queueMs === undefined) return undefined;
    const snapshot = {
      now,
      jobs: this.#jobsNow(now, isUsed),
      slotsPerNode,
      unplacedSlots,
      drainMs: undefined,
      queueWaitMs: this.#queueMs,
      nodeHours: 0,
    };
    const { action, memory } = decideNodes(snapshot, policy, this.#memory);
    this.#memory = memory;
    if (action.kind === 'give-back') for (const job of action.jobs) this.#giveBack(job);
    if (action.kind !== 'ask') return undefined;
    const job = `job${++this.#asked}`;
    this.#jobs.set(job, { nodes: action.nodes, state: 'waiting', idleSince: undefined });
    return { job, at: now + this.#queueMs };
  }

  #jobsNow(now: number, isUsed: (node: string) => boolean): NodeJob[] {
    return [...this.#jobs].map(([id, job]) => {
      const isBusy = job.state === 'waiting' || this.here.some((node) => node.job === id && isUsed(node.id));
      job.idleSince = isBusy ? undefined : (job.idleSince ?? now);
      return { id, ...job, isHome: id === home, remainingMs: undefined };
    });
  }

  #giveBack(id: string): void {
    this.#jobs.delete(id);
    this.here = this.here.filter(({ job }) => job !== id);
  }
}
