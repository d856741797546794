/**
 * Which node runs how many instances of which function. Pure. Instances stay where they are as long as they may; new ones
 * go where their data and artifacts are, and spread or pack as the function asks; no node gets more than it has. How, and
 * in which order: README.md.
 */
import { shareSlots } from '#autoscaler';
import type { Placement, PlacementDemand, PlacementNode, Unplaced } from './demand.ts';
import { NodeHeap } from './node-heap.ts';
import { NodeRoom, obstaclesTo } from './node-room.ts';

/** All of the waiting data on one node outweighs so many instances more there than elsewhere. */
const localWeight = 4;
/** A node that has its artifact and code cache saves a fetch and a compile, no more. */
const warmWeight = 1;
/** A node that others keep busy gets its instances later than one that is idle, and gets them all the same. */
const busyWeight = 2;
/** Instances that leave their node in one round: draining many at once would be an outage of its own. */
const movesMaxDefault = 4;

export function place(
  nodes: readonly PlacementNode[],
  demands: readonly PlacementDemand[],
  { movesMax = movesMaxDefault }: { readonly movesMax?: number } = {},
): Placement {
  const room = new NodeRoom(nodes);
  const byId = new Map(demands.map((demand) => [demand.id, demand]));
  const groundOf = grounds(nodes);
  const plans = demands.map((demand): Plan => {
    const beside = demand.beside === undefined ? undefined : byId.get(demand.beside)?.current;
    return { demand, ...groundOf(demand, beside), placed: new Map<number, number>(), isAsBefore: true };
  });
  const granted = shareSlots(
    nodes.reduce((sum, node) => sum + node.slots, 0),
    plans.map((plan) => whatFits(plan, room)),
  );
  let moved = 0;
  for (const plan of plans) moved += keepPlaced(plan, granted.get(plan.demand.id) ?? 0, room, movesMax - moved);
  for (const plan of plans) fill(plan, granted.get(plan.demand.id) ?? 0, room);
  return {
    instances: new Map(plans.map((plan) => [plan.demand.id, placedByName(plan, nodes)])),
    unplaced: new Map(plans.flatMap((plan) => shortOf(plan, room))),
    moved,
  };
}

/** Where a demand may be. */
interface Ground {
  /** Indexes of nodes that it may use. */
  readonly allowed: readonly number[];
  /** By node: why not. */
  readonly obstacles: readonly (string | undefined)[];
}

interface Plan extends Ground {
  readonly demand: PlacementDemand;
  /** Node index -> instances. */
  readonly placed: Map<number, number>;
  /** So far it is what the demand has now. */
  isAsBefore: boolean;
}

/** Demands that ask the same of a node are answered once: a pilot may have a thousand nodes, and has few kinds of functions. */
function grounds(
  nodes: readonly PlacementNode[],
): (demand: PlacementDemand, beside: ReadonlyMap<string, number> | undefined) => Ground {
  const known = new Map<string, Ground>();
  const anyEnds = nodes.some(({ remainingMs }) => remainingMs !== undefined);
  return (demand, beside) => {
    const key = JSON.stringify([demand.labels, anyEnds ? demand.needMs : 0, demand.beside]);
    const answered = known.get(key);
    if (answered) return answered;
    const obstacles = nodes.map(obstaclesTo(demand, beside));
    const allowed = [...obstacles.keys()].filter((at) => obstacles[at] === undefined);
    const ground = { allowed, obstacles };
    known.set(key, ground);
    return ground;
  };
}

/** Node -> instances; the very map that the demand came with where nothing has changed. */
function placedByName(
  { demand, placed, isAsBefore }: Plan,
  nodes: readonly PlacementNode[],
): ReadonlyMap<string, number> {
  if (isAsBefore) return demand.current;
  const byName = new Map<string, number>();
  for (const [at, count] of placed) if (count > 0) byName.set(nodes[at]?.id ?? '', count);
  return byName;
}

/** Nobody is granted more than its nodes could hold if they were empty: others could use it. */
function whatFits({ demand, allowed }: Plan, room: NodeRoom): PlacementDemand {
  let most = 0;
  for (const at of allowed) most += room.fits(at, demand);
  // What is there already, and may not be, counts until it has moved.
  for (const count of demand.current.values()) most = allowed.length < room.nodes.length ? most + count : most;
  return { ...demand, wanted: Math.min(demand.wanted, most), needed: Math.min(demand.needed, most) };
}

/** Keeps what is placed, up to the grant; returns how many had to leave a node on which they may not be. */
function keepPlaced(plan: Plan, granted: number, room: NodeRoom, movesLeft: number): number {
  const { demand, obstacles, placed } = plan;
  let kept = 0;
  let moves = 0;
  for (const [node, count] of demand.current) {
    const at = room.indexOf(node);
    if (at === undefined || count === 0) plan.isAsBefore = false;
    if (at === undefined) continue;
    let stays = Math.min(count, room.fits(at, demand));
    if (obstacles[at] !== undefined) {
      const leaves = Math.min(stays, movesLeft - moves);
      moves += leaves;
      stays -= leaves;
    }
    plan.isAsBefore &&= stays === count;
    if (stays === 0) continue;
    placed.set(at, stays);
    room.take(at, demand, stays);
    kept += stays;
  }
  giveBack(plan, kept - granted, room);
  return moves;
}

/** Of too many, those that are spread give from the fullest nodes, those that are packed from the emptiest. */
function giveBack(plan: Plan, surplus: number, room: NodeRoom): void {
  if (surplus <= 0) return;
  const { demand, placed } = plan;
  plan.isAsBefore = false;
  const sign = demand.strategy === 'pack' ? 1 : -1;
  const count = (at: number) => placed.get(at) ?? 0;
  const gives = (at: number) => (count(at) === 0 ? Number.POSITIVE_INFINITY : sign * count(at));
  const heap = new NodeHeap([...placed.keys()], (a, b) => gives(a) - gives(b) < 0 || (gives(a) === gives(b) && a > b));
  for (let left = surplus; left > 0; left--) {
    const at = heap.first;
    if (at === undefined || count(at) === 0) return;
    placed.set(at, count(at) - 1);
    room.take(at, demand, -1);
    // A packed node that has given one is the first to give the next: its rank only gets better.
    heap.firstChanged();
  }
}

/** Places further instances until there are `count`, or no node has room. */
function fill(plan: Plan, count: number, room: NodeRoom): void {
  const { demand, allowed, placed } = plan;
  let missing = count - total(placed);
  if (missing <= 0) return;
  const open = allowed.filter((at) => room.fits(at, demand, placed.get(at)) > 0);
  const packs = demand.strategy === 'pack';
  const bonus = room.nodes.map(
    ({ id, busy }) =>
      (demand.local?.get(id) ?? 0) * localWeight + (demand.warm?.has(id) ? warmWeight : 0) - (busy ? busyWeight : 0),
  );
  const counts = room.nodes.map(() => 0);
  for (const [at, count] of placed) counts[at] = count;
  const rank = (at: number) => (packs ? 0 : (counts[at] ?? 0)) - (bonus[at] ?? 0);
  const heap = new NodeHeap(open, (a, b) => {
    const byRank = rank(a) - rank(b);
    if (byRank !== 0) return byRank < 0;
    const byRoom = room.slotsOf(b) - room.slotsOf(a);
    if (byRoom !== 0) return packs ? byRoom > 0 : byRoom < 0;
    return a < b;
  });
  for (; missing > 0; missing--) {
    const at = heap.first;
    if (at === undefined) return;
    plan.isAsBefore = false;
    counts[at] = (counts[at] ?? 0) + 1;
    placed.set(at, counts[at]);
    room.take(at, demand, 1);
    if (room.fits(at, demand, counts[at]) === 0) heap.removeFirst();
    else heap.firstChanged();
  }
}

function shortOf({ demand, allowed, obstacles, placed }: Plan, room: NodeRoom): [string, Unplaced][] {
  const count = demand.wanted - total(placed);
  if (count <= 0) return [];
  if (allowed.length > 0) return [[demand.id, { count, by: room.shortage(demand, allowed, placed) }]];
  return [[demand.id, { count, by: obstacles.find((found) => found !== undefined) ?? 'nodes: there is none' }]];
}

function total(placed: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of placed.values()) sum += count;
  return sum;
}
