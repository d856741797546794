/** What placement is told: the nodes, and what each function version wants of them. */
import type { ShareDemand } from '#autoscaler';

export interface PlacementNode {
  readonly id: string;
  readonly slots: number;
  /** Left out: as much as anybody asks for. */
  readonly memoryBytes?: number | undefined;
  readonly gpus?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Until the node's scheduler job ends, less the time to drain; undefined: no end is known. */
  readonly remainingMs?: number | undefined;
  /** Its cores or its memory are nearly all in use, by whomever. */
  readonly busy?: boolean | undefined;
}

export interface PlacementDemand extends ShareDemand {
  /** Where its instances are placed now. */
  readonly current: ReadonlyMap<string, number>;
  readonly memoryBytes?: number | undefined;
  readonly gpus?: number | undefined;
  /** Only nodes that have all of these. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly strategy?: 'spread' | 'pack' | undefined;
  /** More on one node than this would have nothing to do there. */
  readonly nodeMost?: number | undefined;
  /** R7: nothing is placed where less time than this remains. */
  readonly needMs?: number | undefined;
  /** A canary: only on nodes where this demand has instances, because its events come from there; one a node first. */
  readonly beside?: string | undefined;
  /** Nodes that have run it: its artifact and code cache are there. */
  readonly warm?: ReadonlySet<string> | undefined;
  /** Share of the waiting data that lies on a node, 0 to 1. */
  readonly local?: ReadonlyMap<string, number> | undefined;
}

export interface Unplaced {
  readonly count: number;
  /** What is short: "node cores", "memory", "GPUs", "labels", "walltime", "nodes that run the version it is tried against". */
  readonly by: string;
}

export interface Placement {
  /** Demand id -> node id -> instances. */
  readonly instances: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Demand id -> instances that no node has room for. */
  readonly unplaced: ReadonlyMap<string, Unplaced>;
  /** Instances that leave a node on which they may not be; at most `movesMax`. */
  readonly moved: number;
}
