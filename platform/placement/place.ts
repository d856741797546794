/**
 * Which node runs how many instances of which function. Pure. Instances stay where they are as long as they may;
 * new ones go to the node that has the fewest of them, so that work spreads; no node gets more than its slots.
 */

export interface PlacementNode {
  readonly id: string;
  readonly slots: number;
}

export interface PlacementDemand {
  /** Names the function version. */
  readonly id: string;
  readonly wanted: number;
  /** Of these, how many have work to do; the rest gives way when slots are short. */
  readonly needed: number;
  /** Slots of one instance. */
  readonly cpu: number;
  /** Where its instances are placed now. */
  readonly current: ReadonlyMap<string, number>;
}

export interface Placement {
  /** Demand id -> node id -> instances. */
  readonly instances: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Demand id -> instances that no node has room for. */
  readonly unplaced: ReadonlyMap<string, number>;
}

export function place(nodes: readonly PlacementNode[], demands: readonly PlacementDemand[]): Placement {
  const free = new Map(nodes.map((node) => [node.id, node.slots]));
  const instances = new Map(demands.map((demand) => [demand.id, new Map<string, number>()]));
  const unplaced = new Map<string, number>();
  const granted = shareSlots(nodes, demands);
  for (const demand of demands) keepPlaced(demand, granted.get(demand.id) ?? 0, free, placedOf(instances, demand));
  for (const demand of demands) {
    const placed = placedOf(instances, demand);
    let missing = (granted.get(demand.id) ?? 0) - total(placed);
    for (; missing > 0; missing--) {
      const node = roomiest(free, placed, demand.cpu);
      if (node === undefined) break;
      placed.set(node, (placed.get(node) ?? 0) + 1);
      free.set(node, (free.get(node) ?? 0) - demand.cpu);
    }
    const short = demand.wanted - total(placed);
    if (short > 0) unplaced.set(demand.id, short);
  }
  return { instances, unplaced };
}

/** When all do not fit, each function gets one instance, then a second, and so on, those with work first: none starves another. */
function shareSlots(nodes: readonly PlacementNode[], demands: readonly PlacementDemand[]): Map<string, number> {
  let slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  const granted = new Map(demands.map((demand) => [demand.id, 0]));
  for (const limitOf of [(demand: PlacementDemand) => demand.needed, (demand: PlacementDemand) => demand.wanted]) {
    for (let again = true; again; ) {
      again = false;
      for (const demand of demands) {
        const has = granted.get(demand.id) ?? 0;
        if (has >= limitOf(demand) || demand.cpu > slots) continue;
        granted.set(demand.id, has + 1);
        slots -= demand.cpu;
        again = true;
      }
    }
  }
  return granted;
}

/** Keeps what is placed, up to the grant; of too many, the fullest nodes give first. */
function keepPlaced(
  demand: PlacementDemand,
  granted: number,
  free: Map<string, number>,
  placed: Map<string, number>,
): void {
  for (const [node, count] of demand.current) {
    const room = Math.floor((free.get(node) ?? 0) / demand.cpu);
    const kept = Math.min(count, room);
    if (kept <= 0) continue;
    placed.set(node, kept);
    free.set(node, (free.get(node) ?? 0) - kept * demand.cpu);
  }
  for (let surplus = total(placed) - granted; surplus > 0; surplus--) {
    const [node, count] = [...placed].sort((a, b) => b[1] - a[1] || b[0].localeCompare(a[0]))[0] ?? ['', 0];
    if (count <= 1) placed.delete(node);
    else placed.set(node, count - 1);
    free.set(node, (free.get(node) ?? 0) + demand.cpu);
  }
}

/** The node with the fewest instances of this function, so that it spreads; among equals the one with the most free slots, then by name. */
function roomiest(
  free: ReadonlyMap<string, number>,
  placed: ReadonlyMap<string, number>,
  cpu: number,
): string | undefined {
  let best: string | undefined;
  for (const [node, slots] of free) {
    if (slots < cpu) continue;
    if (best === undefined || compareRoom(node, best, free, placed) < 0) best = node;
  }
  return best;
}

function compareRoom(
  a: string,
  b: string,
  free: ReadonlyMap<string, number>,
  placed: ReadonlyMap<string, number>,
): number {
  return (placed.get(a) ?? 0) - (placed.get(b) ?? 0) || (free.get(b) ?? 0) - (free.get(a) ?? 0) || a.localeCompare(b);
}

function placedOf(instances: ReadonlyMap<string, Map<string, number>>, demand: PlacementDemand): Map<string, number> {
  return instances.get(demand.id) ?? new Map();
}

function total(placed: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of placed.values()) sum += count;
  return sum;
}
