/** Order per key: which node has which shard, and which event of a key may go. */
import { describe, expect, it } from 'vitest';
import { assignShards, KeyGate, type ShardOwners, shardCount, shardOf } from '#routing';
import { fc } from '../harness/properties.ts';

const nodes = fc.constantFrom('n1', 'n2', 'n3', 'n4', 'n10');
const instances = fc.dictionary(nodes, fc.integer({ min: 0, max: 9 })).map((counts) => new Map(Object.entries(counts)));
const owners = fc.array(fc.option(nodes, { nil: undefined }), { maxLength: shardCount });

function counted(assigned: ShardOwners): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const owner of assigned) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

describe('`shardOf()`', () => {
  it('spreads keys over all shards, and never changes its mind', () => {
    const hits = counted(Array.from({ length: 4_000 }, (_, at) => String(shardOf(`key-${at}`))));
    expect(hits.size).toBe(shardCount);
    for (const count of hits.values()) expect(count).toBeGreaterThan(4_000 / shardCount / 2);
    // Written down: another hash would put the keys of a running pilot in two shards.
    expect(['', 'a', 'scan-7'].map(shardOf)).toEqual([2, 18, 18]);
  });
});

describe('`assignShards()`', () => {
  it('gives each shard to one node that has instances, and each node its part, give or take one', () => {
    fc.assert(
      fc.property(owners, instances, (current, counts) => {
        const assigned = assignShards(current, counts);
        const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
        expect(assigned).toHaveLength(shardCount);
        if (total === 0) {
          expect(new Set(assigned)).toEqual(new Set([undefined]));
          return;
        }
        for (const [node, count] of counts) {
          const exact = (shardCount * count) / total;
          expect(Math.abs((counted(assigned).get(node) ?? 0) - exact)).toBeLessThan(1);
        }
        expect(assigned.every((owner) => owner !== undefined && (counts.get(owner) ?? 0) > 0)).toBe(true);
      }),
    );
  });

  it('moves no shard from a node that has no more than its part, and none at all when nothing changes', () => {
    fc.assert(
      fc.property(owners, instances, (current, counts) => {
        const assigned = assignShards(current, counts);
        expect(assignShards(assigned, counts)).toEqual(assigned);
        const now = counted(assigned);
        for (const [node, had] of counted(current)) {
          if (node === undefined) continue;
          const kept = current.filter((owner, shard) => owner === node && assigned[shard] === node).length;
          expect(kept).toBe(Math.min(had, now.get(node) ?? 0));
        }
      }),
    );
  });

  it('stays as it is where equal fractions compete for what is left over', () => {
    const counts = new Map(Object.entries({ n10: 4, n4: 3, n3: 9, n1: 4 }));
    const assigned = assignShards([], counts);
    expect(assignShards(assigned, counts)).toEqual(assigned);
  });

  it('moves only what a new node is given', () => {
    const two = assignShards([], new Map(Object.entries({ n1: 1, n2: 1 })));
    const three = assignShards(two, new Map(Object.entries({ n1: 1, n2: 1, n3: 2 })));
    const moved = three.flatMap((owner, shard) => (owner === two[shard] ? [] : [owner]));
    expect(moved).toEqual(Array.from({ length: 16 }, () => 'n3'));
  });
});

describe('`KeyGate`', () => {
  /** Whatever comes in, ends or is tried again, in any interleaving. */
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constantFrom('next' as const, 'done' as const, 'again' as const), at: fc.nat(9) }),
    ),
    { maxLength: 200 },
  );
  interface Item {
    readonly key: string;
    readonly number: number;
  }

  it('lets one of a key at a time through, in their order, and all of them in the end', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const gate = new KeyGate<Item>();
        const through: Item[] = [];
        const ended: Item[] = [];
        let number = 0;
        const next = () => {
          const item = gate.next();
          if (!item) return false;
          expect(through.map(({ key }) => key)).not.toContain(item.key);
          through.push(item);
          return true;
        };
        const done = (at: number) => {
          const [item] = through.splice(at, 1);
          if (!item) return;
          gate.done(item.key, item);
          ended.push(item);
        };
        for (const step of all) {
          if (step.kind === 'add') gate.add(step.key, { key: step.key, number: number++ });
          else if (step.kind === 'next') next();
          else if (step.kind === 'done') done(step.at % Math.max(1, through.length));
          else {
            const [item] = through.splice(step.at % Math.max(1, through.length), 1);
            if (item) gate.again(item.key);
          }
        }
        while (through.length > 0 || next()) done(0);
        expect(ended).toHaveLength(number);
        for (const key of ['a', 'b', 'c']) {
          const numbers = ended.filter((item) => item.key === key).map((item) => item.number);
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('forgets one that was given up before it went', () => {
    const gate = new KeyGate<number>();
    for (const item of [1, 2, 3]) gate.add('a', item);
    expect(gate.next()).toBe(1);
    gate.done('a', 2);
    gate.done('a', 1);
    expect([gate.next(), gate.next()]).toEqual([3, undefined]);
  });
});
