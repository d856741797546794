/** The waits between tries: full jitter below an exponential bound. */
import { expect, it } from 'vitest';
import { backoffMs } from '#common';
import { fc } from '../harness/properties.ts';

const policies = fc
  .tuple(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 3_600_000 }))
  .map(([minMs, more]) => ({ minMs, maxMs: minMs + more }));
const attempts = fc.integer({ min: 1, max: 1_000 });

it('`backoffMs()` never waits longer than the policy says, whatever is drawn', () => {
  fc.assert(
    fc.property(
      policies,
      attempts,
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (policy, attempt, drawn) => {
        const ms = backoffMs(attempt, policy, () => drawn);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(policy.maxMs);
      },
    ),
  );
});

it('`backoffMs()` has a bound that doubles from try to try until it reaches the longest wait', () => {
  fc.assert(
    fc.property(policies, attempts, (policy, attempt) => {
      const bound = (number: number) => backoffMs(number, policy, () => 1);
      expect(bound(1)).toBe(Math.min(policy.minMs, policy.maxMs));
      expect(bound(attempt + 1)).toBe(
        Math.min(policy.maxMs, attempt > 30 ? bound(attempt) : policy.minMs * 2 ** attempt),
      );
    }),
  );
});

it('`backoffMs()` draws evenly from the whole range: half of the waits lie in its lower half', () => {
  fc.assert(
    fc.property(policies, attempts, (policy, attempt) => {
      const whole = backoffMs(attempt, policy, () => 1);
      expect(Math.abs(backoffMs(attempt, policy, () => 0.5) - whole / 2)).toBeLessThanOrEqual(1);
      expect(backoffMs(attempt, policy, () => 0)).toBe(0);
    }),
  );
});
