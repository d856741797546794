/** What a canary is given, and when it goes. */
import { describe, expect, it } from 'vitest';
import { canaryCallsMin, canaryInstances, canaryShare, goesToCanary, judgeCanary } from '#routing';
import { fc } from '../harness/properties.ts';

const rules = { errorPercentMax: 5, p99MsMax: 200 };

describe('judgeCanary()', () => {
  it.each([
    { what: 'too few calls to say', record: { handled: 0, failed: canaryCallsMin - 1, p99Ms: 900 }, why: undefined },
    { what: 'all well', record: { handled: 96, failed: 4, p99Ms: 200 }, why: undefined },
    {
      what: 'more failures than set',
      record: { handled: 90, failed: 10, p99Ms: 1 },
      why: '10 of 100 calls failed (10.0 %',
    },
    {
      what: 'slower than set',
      record: { handled: 100, failed: 0, p99Ms: 201 },
      why: 'p99 of its last calls is 201 ms',
    },
  ])('$what', ({ record, why }) => {
    const judged = judgeCanary(record, rules);
    if (why === undefined) expect(judged).toBeUndefined();
    else expect(judged).toContain(why);
  });

  it('without a bound on time minds no time', () => {
    expect(judgeCanary({ handled: 100, failed: 0, p99Ms: 1e6 }, { ...rules, p99MsMax: 0 })).toBeUndefined();
  });
});

describe('goesToCanary()', () => {
  it('gives about the share that was asked for, in any run of sequences', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 99 }), (first, percent) => {
        const count = 4_000;
        let given = 0;
        for (let at = 0; at < count; at++) if (goesToCanary(first + at, percent)) given++;
        expect(Math.abs((100 * given) / count - percent)).toBeLessThan(4);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps an event with its version as the share grows', () => {
    for (let sequence = 1; sequence < 2_000; sequence++)
      if (goesToCanary(sequence, 10)) expect(goesToCanary(sequence, 40)).toBe(true);
  });
});

describe('canaryShare()', () => {
  const counts = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 4 }));

  it('adds up to the percentage over all nodes, where the nodes that have both can carry it', () => {
    fc.assert(
      fc.property(counts, counts, fc.integer({ min: 1, max: 99 }), (stableCounts, canaryCounts, percent) => {
        const stable = new Map(Object.entries(stableCounts));
        const canary = new Map(Object.entries(canaryCounts));
        const all = [...stable.values()].reduce((sum, count) => sum + count, 0);
        let given = 0;
        let limited = false;
        let both = false;
        for (const [node, count] of stable) {
          const share = canaryShare(node, percent, stable, canary);
          expect(share).toBeLessThanOrEqual(100);
          limited ||= share === 100;
          both ||= share > 0;
          if (all > 0) given += (share * count) / all;
        }
        if (both && !limited) expect(given).toBeCloseTo(percent, 6);
        if (!both) expect(given).toBe(0);
      }),
    );
  });
});

it('a canary takes over its share of the instances, one at least while there are any', () => {
  expect([0, 1, 4, 10, 20].map((wanted) => canaryInstances(wanted, 10))).toEqual([0, 1, 1, 1, 2]);
});
