/** What more nodes would be good for, and which the pilot could do without. Pure; `node-demand.ts` decides by it. */
import type { PlacementDemand, PlacementNode, Unplaced } from './demand.ts';
import { obstaclesTo } from './node-room.ts';
import { place } from './place.ts';

export interface JobNodes {
  readonly id: string;
  readonly nodes: readonly string[];
}

/** What a round of placement was told, and what it found no room for. */
export interface PlacedRound {
  readonly nodes: readonly PlacementNode[];
  readonly demands: readonly PlacementDemand[];
  readonly unplaced: ReadonlyMap<string, Unplaced>;
}

/**
 * Demand id -> slots that are short and that further nodes like those here would give. What no empty node could hold, and
 * what needs longer than a new job lives, would find no room there either.
 */
export function shortSlots(
  { nodes, demands, unplaced }: PlacedRound,
  walltimeMs = Number.POSITIVE_INFINITY,
): ReadonlyMap<string, number> {
  return new Map(
    demands.flatMap((demand): [string, number][] => {
      const { count = 0 } = unplaced.get(demand.id) ?? {};
      const obstacle = obstaclesTo({ ...demand, beside: undefined }, undefined);
      const helps = nodes.some((node) => {
        const fresh = { ...node, remainingMs: walltimeMs };
        return obstacle(fresh) === undefined && holds(fresh, demand);
      });
      return count > 0 && helps && demand.beside === undefined ? [[demand.id, count * demand.cpu]] : [];
    }),
  );
}

function holds(
  { slots, memoryBytes = Number.POSITIVE_INFINITY, gpus = 0 }: PlacementNode,
  demand: PlacementDemand,
): boolean {
  return slots >= demand.cpu && memoryBytes >= (demand.memoryBytes ?? 0) && gpus >= (demand.gpus ?? 0);
}

/**
 * Jobs without which all that is wanted now would find room, the newest first, as they are given back. Each is counted
 * without those that are spare already, so that all of them together may go.
 */
export function spareJobs(
  jobs: readonly JobNodes[],
  { nodes, demands }: Pick<PlacedRound, 'nodes' | 'demands'>,
): ReadonlySet<string> {
  const spare = new Set<string>();
  let left = nodes;
  for (const { id, nodes: own } of jobs.toReversed()) {
    const without = left.filter((node) => !own.includes(node.id));
    if (place(without, demands, { movesMax: Number.POSITIVE_INFINITY }).unplaced.size > 0) continue;
    spare.add(id);
    left = without;
  }
  return spare;
}
