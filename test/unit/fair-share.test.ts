import { describe, expect, it } from 'vitest';
import { type ShareDemand, shareSlots } from '#autoscaler';
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

  it('takes first from what is only held by a cooldown', () => {
    const shares = shareSlots(10, [
      { id: 'resting', needed: 0, wanted: 8, cpu: 1, weight: 10, guaranteed: 0 },
      { id: 'working', needed: 9, wanted: 9, cpu: 1, weight: 1, guaranteed: 0 },
    ]);
    expect([shares.get('resting'), shares.get('working')]).toEqual([1, 9]);
  });
});
