/** R7: nothing is taken on that could outlast the node. */
import { expect, it } from 'vitest';
import { drainMarginMs, hasTimeFor, mustDrain, neededMs } from '#routing';
import { fc } from '../harness/properties.ts';

const times = fc.record({
  timeoutMs: fc.integer({ min: 1, max: 3_600_000 }),
  samples: fc.nat(1_000),
  p99Ms: fc.double({ min: 0, max: 4_000_000, noNaN: true }),
});

it('a call needs its timeout, or half more than its p99 once a hundred are measured, and never more than its timeout', () => {
  expect(neededMs({ timeoutMs: 30_000, samples: 99, p99Ms: 10 })).toBe(30_000);
  expect(neededMs({ timeoutMs: 30_000, samples: 100, p99Ms: 10 })).toBe(15);
  expect(neededMs({ timeoutMs: 30_000, samples: 100, p99Ms: 29_000 })).toBe(30_000);
});

it('whatever is taken on ends, with its timeout or its p99, before the drain begins', () => {
  void fc.assert(
    fc.property(times, fc.nat(1e6), fc.nat(1e7), (call, now, left) => {
      if (!hasTimeFor(now, now + left, call)) return;
      expect(mustDrain(now + neededMs(call) - 1, now + left)).toBe(false);
      expect(left).toBeGreaterThanOrEqual(drainMarginMs);
    }),
  );
});

it('once a node has no time for a call it never has again, and a node without an end always has', () => {
  void fc.assert(
    fc.property(times, fc.nat(1e6), fc.nat(1e7), fc.nat(1e6), (call, now, left, later) => {
      expect(hasTimeFor(now, undefined, call)).toBe(true);
      expect(mustDrain(now, undefined)).toBe(false);
      if (!hasTimeFor(now, now + left, call)) expect(hasTimeFor(now + later, now + left, call)).toBe(false);
    }),
  );
});

it('a node with time for the longest call does not ask how long the last ones took', () => {
  const call = {
    timeoutMs: 30_000,
    samples: 100,
    get p99Ms(): number {
      throw new Error('sorted for nothing');
    },
  };
  expect(hasTimeFor(0, undefined, call)).toBe(true);
  expect(hasTimeFor(0, 30_000 + drainMarginMs, call)).toBe(true);
});
