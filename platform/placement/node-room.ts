/** What is left on each node while instances are placed, and which nodes a demand may use at all. */
import type { PlacementDemand, PlacementNode } from './demand.ts';

export class NodeRoom {
  readonly nodes: readonly PlacementNode[];
  readonly #index: ReadonlyMap<string, number>;
  readonly #slots: number[];
  readonly #memory: number[];
  readonly #gpus: number[];

  constructor(nodes: readonly PlacementNode[]) {
    this.nodes = nodes;
    this.#index = new Map(nodes.map((node, at) => [node.id, at]));
    this.#slots = nodes.map(({ slots }) => slots);
    this.#memory = nodes.map(({ memoryBytes }) => memoryBytes ?? Number.POSITIVE_INFINITY);
    this.#gpus = nodes.map(({ gpus }) => gpus ?? 0);
  }

  indexOf(node: string): number | undefined {
    return this.#index.get(node);
  }

  slotsOf(at: number): number {
    return this.#slots[at] ?? 0;
  }

  /** Instances of the demand that still fit on the node, beside those that it has there. */
  fits(at: number, { cpu, memoryBytes = 0, gpus = 0, nodeMost }: PlacementDemand, has = 0): number {
    let most = this.slotsOf(at) / cpu;
    if (nodeMost !== undefined) most = Math.min(most, nodeMost - has);
    if (memoryBytes > 0) most = Math.min(most, (this.#memory[at] ?? 0) / memoryBytes);
    if (gpus > 0) most = Math.min(most, (this.#gpus[at] ?? 0) / gpus);
    return Math.max(0, Math.floor(most));
  }

  /** Takes, or with a negative count gives back. */
  take(at: number, { cpu, memoryBytes = 0, gpus = 0 }: PlacementDemand, count: number): void {
    this.#slots[at] = this.slotsOf(at) - cpu * count;
    this.#memory[at] = (this.#memory[at] ?? 0) - memoryBytes * count;
    this.#gpus[at] = (this.#gpus[at] ?? 0) - gpus * count;
  }

  /** What of these is short on every node that the demand may use. */
  shortage(demand: PlacementDemand, allowed: readonly number[], placed: ReadonlyMap<number, number>): string {
    const { gpus = 0, memoryBytes = 0, cpu, nodeMost = Number.POSITIVE_INFINITY } = demand;
    if (allowed.every((at) => (placed.get(at) ?? 0) >= nodeMost))
      return `limits.inFlight (${nodeMost} a node have work)`;
    const withGpus = allowed.filter((at) => (this.#gpus[at] ?? 0) >= gpus);
    if (withGpus.length === 0) return 'GPUs';
    const withSlots = withGpus.filter((at) => this.slotsOf(at) >= cpu);
    if (withSlots.length === 0) return 'node cores';
    return withSlots.some((at) => (this.#memory[at] ?? 0) >= memoryBytes) ? 'its fair share' : 'memory';
  }
}

/** Asks of each node why the demand may not be there, whatever room it has; undefined where it may. */
export function obstaclesTo(
  demand: PlacementDemand,
  beside: ReadonlyMap<string, number> | undefined,
): (node: PlacementNode) => string | undefined {
  const labels = Object.entries(demand.labels ?? {});
  const needMs = demand.needMs ?? 0;
  return ({ id, labels: own, remainingMs }) => {
    if (demand.beside !== undefined && (beside?.get(id) ?? 0) === 0)
      return 'nodes that run the version it is tried against';
    for (const [label, value] of labels) if (own?.[label] !== value) return `the label ${label}=${value}`;
    // R7: what would not be done before the node's end is not begun there.
    return remainingMs !== undefined && remainingMs < needMs ? 'walltime' : undefined;
  };
}
