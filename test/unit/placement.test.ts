import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlacementDemand, type PlacementNode, place } from '#placement';

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
    .map(({ idle, ...demand }) => ({ ...demand, wanted: demand.needed + idle })),
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
          expect(placed + (placement.unplaced.get(demand.id) ?? 0)).toBe(demand.wanted);
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
    const placement = place(two, [{ id: 'a', wanted: 4, needed: 4, cpu: 1, current: new Map() }]);
    expect(Object.fromEntries(placement.instances.get('a') ?? [])).toEqual({ n1: 2, n2: 2 });
  });

  it('lets no function starve another when the nodes are full', () => {
    const greedy = {
      id: 'a',
      wanted: 100,
      needed: 100,
      cpu: 1,
      current: new Map([
        ['n1', 4],
        ['n2', 4],
      ]),
    };
    const placement = place(two, [greedy, { id: 'b', wanted: 3, needed: 3, cpu: 1, current: new Map() }]);
    expect(placedOf(placement, 'b')).toBe(3);
    expect(placedOf(placement, 'a')).toBe(5);
  });

  it('takes slots from instances that are only held, not from those with work', () => {
    const held = {
      id: 'a',
      wanted: 6,
      needed: 1,
      cpu: 1,
      current: new Map([
        ['n1', 4],
        ['n2', 2],
      ]),
    };
    const working = { id: 'b', wanted: 2, needed: 2, cpu: 1, current: new Map([['n2', 2]]) };
    const placement = place(two, [held, working, { id: 'c', wanted: 3, needed: 3, cpu: 1, current: new Map() }]);
    expect(placedOf(placement, 'c')).toBe(3);
    expect(placedOf(placement, 'b')).toBe(2);
    expect(placedOf(placement, 'a')).toBe(3);
  });
});
