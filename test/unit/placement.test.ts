import { describe, expect, it } from 'vitest';
import { type PlacementDemand, type PlacementNode, place } from '#placement';
import { fc } from '../harness/properties.ts';

const nodes = fc.uniqueArray(
  fc.record({ id: fc.constantFrom('n1', 'n2', 'n3', 'n4'), slots: fc.integer({ min: 1, max: 16 }) }),
  { selector: (node) => node.id },
);
const demands = fc.uniqueArray(
  fc
    .record({
      id: fc.constantFrom('a', 'b', 'c'),
      needed: fc.nat(10),
      idle: fc.nat(10),
      cpu: fc.integer({ min: 1, max: 3 }),
      current: fc
        .dictionary(fc.constantFrom('n1', 'n2', 'n3', 'gone'), fc.integer({ min: 1, max: 8 }))
        .map((counts) => new Map(Object.entries(counts))),
    })
    .map(({ idle, ...demand }) => ({ ...demand, wanted: demand.needed + idle, weight: 1, guaranteed: 0 })),
  { selector: (demand) => demand.id },
);

function used(all: readonly PlacementDemand[], placement: ReturnType<typeof place>, node: string): number {
  return all.reduce((sum, demand) => sum + demand.cpu * (placement.instances.get(demand.id)?.get(node) ?? 0), 0);
}

function placedOf(placement: ReturnType<typeof place>, id: string): number {
  return [...(placement.instances.get(id)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
}

const two: PlacementNode[] = [
  { id: 'n1', slots: 4 },
  { id: 'n2', slots: 4 },
];

describe('place()', () => {
  it('never gives a node more than its slots, nor a function more than it wants', () => {
    fc.assert(
      fc.property(nodes, demands, (all, wants) => {
        const placement = place(all, wants);
        for (const node of all) expect(used(wants, placement, node.id)).toBeLessThanOrEqual(node.slots);
        for (const demand of wants) {
          const placed = placedOf(placement, demand.id);
          expect(placed).toBeLessThanOrEqual(demand.wanted);
          expect(placed + (placement.unplaced.get(demand.id)?.count ?? 0)).toBe(demand.wanted);
          for (const node of placement.instances.get(demand.id)?.keys() ?? [])
            expect(all.map(({ id }) => id)).toContain(node);
        }
      }),
    );
  });

  it('changes nothing when asked again with its own answer', () => {
    fc.assert(
      fc.property(nodes, demands, (all, wants) => {
        const first = place(all, wants);
        const settled = wants.map((demand) => ({
          ...demand,
          current: first.instances.get(demand.id) ?? new Map<string, number>(),
        }));
        const second = place(all, settled);
        for (const demand of wants) {
          expect(Object.fromEntries(second.instances.get(demand.id) ?? [])).toEqual(
            Object.fromEntries(first.instances.get(demand.id) ?? []),
          );
        }
      }),
    );
  });

  it('spreads over the nodes', () => {
    const placement = place(two, [
      { id: 'a', wanted: 4, needed: 4, cpu: 1, weight: 1, guaranteed: 0, current: new Map() },
    ]);
    expect(Object.fromEntries(placement.instances.get('a') ?? [])).toEqual({ n1: 2, n2: 2 });
  });

  it('gives no node more than have work there, and says so: packed as well, and what is too many leaves', () => {
    const demand = { id: 'a', needed: 4, cpu: 1, weight: 1, guaranteed: 0, nodeMost: 2 };
    const placed = (more: Partial<PlacementDemand>) => {
      const placement = place(two, [{ ...demand, wanted: 4, current: new Map(), ...more }]);
      return [Object.fromEntries(placement.instances.get('a') ?? []), placement.unplaced.get('a')];
    };
    expect(placed({ strategy: 'pack' })).toEqual([{ n1: 2, n2: 2 }, undefined]);
    expect(placed({ current: new Map([['n1', 3]]) })).toEqual([{ n1: 2, n2: 2 }, undefined]);
    const short = { count: 2, by: 'limits.inFlight (2 a node have work)' };
    expect(placed({ wanted: 6 })).toEqual([{ n1: 2, n2: 2 }, short]);
  });

  it('lets no function starve another when the nodes are full', () => {
    const greedy = {
      id: 'a',
      wanted: 100,
      needed: 100,
      cpu: 1,
      weight: 1,
      guaranteed: 0,
      current: new Map([
        ['n1', 4],
        ['n2', 4],
      ]),
    };
    const placement = place(two, [
      greedy,
      { id: 'b', wanted: 3, needed: 3, cpu: 1, weight: 1, guaranteed: 0, current: new Map() },
    ]);
    expect(placedOf(placement, 'b')).toBe(3);
    expect(placedOf(placement, 'a')).toBe(5);
  });

  it('takes slots from instances that are only held, not from those with work', () => {
    const held = {
      id: 'a',
      wanted: 6,
      needed: 1,
      cpu: 1,
      weight: 1,
      guaranteed: 0,
      current: new Map([
        ['n1', 4],
        ['n2', 2],
      ]),
    };
    const working = { id: 'b', wanted: 2, needed: 2, cpu: 1, weight: 1, guaranteed: 0, current: new Map([['n2', 2]]) };
    const placement = place(two, [
      held,
      working,
      { id: 'c', wanted: 3, needed: 3, cpu: 1, weight: 1, guaranteed: 0, current: new Map() },
    ]);
    expect(placedOf(placement, 'c')).toBe(3);
    expect(placedOf(placement, 'b')).toBe(2);
    expect(placedOf(placement, 'a')).toBe(3);
  });

  const one = { wanted: 2, needed: 2, cpu: 1, weight: 1, guaranteed: 0, current: new Map<string, number>() };
  const placedAs = (placement: ReturnType<typeof place>, id: string) =>
    Object.fromEntries(placement.instances.get(id) ?? []);

  it('packs where the function asks for it, on the fullest node that has room', () => {
    const packed = place(two, [
      { ...one, id: 'a', wanted: 1, current: new Map([['n2', 1]]) },
      { ...one, id: 'b', strategy: 'pack', wanted: 3 },
    ]);
    expect(placedAs(packed, 'b')).toEqual({ n2: 3 });
    const fewer = place(two, [
      {
        ...one,
        id: 'b',
        strategy: 'pack',
        wanted: 2,
        current: new Map([
          ['n1', 1],
          ['n2', 3],
        ]),
      },
    ]);
    expect(placedAs(fewer, 'b')).toEqual({ n2: 2 });
  });

  it('goes where the data is, and where the artifact is, before it spreads', () => {
    expect(placedAs(place(two, [{ ...one, id: 'a', local: new Map([['n2', 1]]) }]), 'a')).toEqual({ n2: 2 });
    expect(placedAs(place(two, [{ ...one, id: 'a', wanted: 1, warm: new Set(['n2']) }]), 'a')).toEqual({ n2: 1 });
    const many = place(two, [{ ...one, id: 'a', wanted: 4, warm: new Set(['n2']) }]);
    expect(placedAs(many, 'a')).toEqual({ n1: 2, n2: 2 });
  });

  it('goes past a busy node while an idle one has room, and there in the end', () => {
    const nodes = [
      { ...two[0], id: 'n1', slots: 4, busy: true },
      { ...two[1], id: 'n2', slots: 4 },
    ];
    expect(placedAs(place(nodes, [{ ...one, id: 'a', wanted: 2 }]), 'a')).toEqual({ n2: 2 });
    expect(placedAs(place(nodes, [{ ...one, id: 'a', wanted: 8 }]), 'a')).toEqual({ n1: 4, n2: 4 });
  });

  it('places nothing without its label, its GPU or its memory, and says what is short', () => {
    const nodes: PlacementNode[] = [
      { id: 'n1', slots: 8, memoryBytes: 1_000, labels: { rack: 'a' } },
      { id: 'n2', slots: 8, memoryBytes: 1_000, gpus: 1, labels: { rack: 'b' } },
    ];
    const shortOf = (demand: Partial<PlacementDemand>) => {
      const placement = place(nodes, [{ ...one, id: 'a', ...demand }]);
      return [placedAs(placement, 'a'), placement.unplaced.get('a')];
    };
    expect(shortOf({ labels: { rack: 'a' } })).toEqual([{ n1: 2 }, undefined]);
    expect(shortOf({ labels: { rack: 'c' } })).toEqual([{}, { count: 2, by: 'the label rack=c' }]);
    expect(shortOf({ gpus: 1 })).toEqual([{ n2: 1 }, { count: 1, by: 'GPUs' }]);
    expect(shortOf({ memoryBytes: 1_000, wanted: 3 })).toEqual([
      { n1: 1, n2: 1 },
      { count: 1, by: 'memory' },
    ]);
    expect(shortOf({ cpu: 5, wanted: 3 })).toEqual([
      { n1: 1, n2: 1 },
      { count: 1, by: 'node cores' },
    ]);
  });

  it('keeps R7: nothing where too little walltime remains, and what is there leaves a few at a time', () => {
    const nodes: PlacementNode[] = [
      { id: 'n1', slots: 8, remainingMs: 30_000 },
      { id: 'n2', slots: 8 },
    ];
    const long = { ...one, id: 'a', wanted: 6, needed: 6, needMs: 60_000, current: new Map([['n1', 6]]) };
    const first = place(nodes, [long], { movesMax: 2 });
    expect(first.moved).toBe(2);
    expect(placedAs(first, 'a')).toEqual({ n1: 4, n2: 2 });
    expect(placedAs(place(nodes, [{ ...long, current: new Map() }]), 'a')).toEqual({ n2: 6 });
    expect(placedAs(place(nodes, [{ ...long, needMs: 10_000, current: new Map() }]), 'a')).toEqual({ n1: 3, n2: 3 });
  });

  it('puts a canary on nodes that run the version it is tried against, one a node first', () => {
    const three = [...two, { id: 'n3', slots: 4 }];
    const stable = {
      ...one,
      id: 'a',
      wanted: 6,
      current: new Map([
        ['n1', 4],
        ['n2', 4],
      ]),
    };
    const placement = place(three, [{ ...one, id: 'a=canary', beside: 'a' }, stable]);
    expect(placedAs(placement, 'a=canary')).toEqual({ n1: 1, n2: 1 });
    expect(placedAs(placement, 'a')).toEqual({ n1: 3, n2: 3 });
  });

  it('places 16,000 instances of 50 functions on 1,000 nodes, and moves none of them when asked again', () => {
    const nodes = Array.from({ length: 1_000 }, (_, at) => ({ id: `n${at}`, slots: 16 }));
    const functions = Array.from({ length: 50 }, (_, at) => ({ ...one, id: `f${at}`, wanted: 320, needed: 320 }));
    const placement = place(nodes, functions);
    expect(placement.unplaced.size).toBe(0);
    const again = place(
      nodes,
      functions.map((demand) => ({ ...demand, current: placement.instances.get(demand.id)! })),
    );
    // The very maps: whoever compares them need not look into 16,000 entries.
    for (const [id, placed] of placement.instances) expect(again.instances.get(id)).toBe(placed);
  });
});
