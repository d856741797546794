import { describe, expect, it } from 'vitest';
import { type ShareDemand, shareSlots, Turns } from '#autoscaler';
import { fc } from '../harness/properties.ts';

const demands = fc
  .array(
    fc.record({
      needed: fc.nat(40),
      idle: fc.nat(10),
      cpu: fc.integer({ min: 1, max: 4 }),
      weight: fc.integer({ min: 1, max: 10 }),
      guaranteed: fc.nat(4),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((all) => all.map(({ idle, ...demand }, at) => ({ ...demand, id: `f${at}`, wanted: demand.needed + idle })));

const used = (all: readonly ShareDemand[], shares: ReadonlyMap<string, number>) =>
  all.reduce((sum, { id, cpu }) => sum + cpu * (shares.get(id) ?? 0), 0);

describe('shareSlots()', () => {
  it('grants no more than there is, nor more than is wanted, and all of it where all fits', () => {
    fc.assert(
      fc.property(fc.nat(200), demands, (slots, all) => {
        const shares = shareSlots(slots, all);
        expect(used(all, shares)).toBeLessThanOrEqual(slots);
        for (const { id, wanted } of all) expect(shares.get(id)).toBeLessThanOrEqual(wanted);
        if (all.reduce((sum, { wanted, cpu }) => sum + wanted * cpu, 0) <= slots)
          for (const { id, wanted } of all) expect(shares.get(id)).toBe(wanted);
      }),
    );
  });

  it('starves nobody: who has work has one instance where there is a slot for each, and keeps what is guaranteed', () => {
    fc.assert(
      fc.property(demands, fc.nat(100), (all, more) => {
        const least = all.reduce(
          (sum, { cpu, guaranteed, wanted }) => sum + cpu * Math.max(1, Math.min(guaranteed, wanted)),
          0,
        );
        const shares = shareSlots(least + more, all);
        for (const { id, needed, guaranteed, wanted } of all) {
          expect(shares.get(id)).toBeGreaterThanOrEqual(Math.min(1, needed));
          expect(shares.get(id)).toBeGreaterThanOrEqual(Math.min(guaranteed, wanted));
        }
      }),
    );
  });

  it('shares by weight', () => {
    const one = { needed: 100, wanted: 100, cpu: 1, guaranteed: 0 };
    const shares = shareSlots(40, [
      { ...one, id: 'light', weight: 1 },
      { ...one, id: 'heavy', weight: 3 },
    ]);
    expect([shares.get('light'), shares.get('heavy')]).toEqual([10, 30]);
  });

  it('goes by turns where there is not one slot for each that has work: none waits for longer than the others have theirs', () => {
    const slots = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }),
        slots,
        fc.array(fc.integer({ min: 1, max: 100 })),
        (count, few, weights) => {
          const turns = new Turns();
          const lastServedAt = new Map<string, number>();
          for (let now = 0; now < 120_000; now += 1_000) {
            const shares = shareSlots(
              few,
              Array.from({ length: count }, (_, at) => {
                const id = `f${at}`;
                const turn = turns.rankOf(id, now);
                return { id, needed: 3, wanted: 3, cpu: 1, weight: weights[at] ?? 1, guaranteed: 0, turn };
              }),
            );
            turns.saw(new Map([...shares].map(([id, granted]) => [id, granted > 0])), now);
            for (const [id, granted] of shares) {
              if (granted > 0) lastServedAt.set(id, now);
              // A turn of 10 s for each that is before it, as many at a time as there are slots, and a round each.
              expect(now - (lastServedAt.get(id) ?? 0)).toBeLessThanOrEqual(Math.ceil(count / few) * 12_000);
            }
          }
        },
      ),
    );
  });

  it('leaves a turn to whoever is in it', () => {
    const turns = new Turns();
    turns.saw(
      new Map([
        ['a', true],
        ['b', false],
      ]),
      0,
    );
    expect(turns.rankOf('a', 9_000)).toBeLessThan(turns.rankOf('b', 9_000));
    expect(turns.rankOf('a', 10_000)).toBeGreaterThan(turns.rankOf('b', 10_000));
    expect(turns.rankOf('b', 10_000)).toBeLessThan(turns.rankOf('new', 10_000));
  });

  it('takes first from what is only held by a cooldown', () => {
    const shares = shareSlots(10, [
      { id: 'resting', needed: 0, wanted: 8, cpu: 1, weight: 10, guaranteed: 0 },
      { id: 'working', needed: 9, wanted: 9, cpu: 1, weight: 1, guaranteed: 0 },
    ]);
    expect([shares.get('resting'), shares.get('working')]).toEqual([1, 9]);
  });
});
