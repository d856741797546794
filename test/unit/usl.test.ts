import { describe, expect, it } from 'vitest';
import { fitUsl, uslConfidenceMin, uslThroughput } from '#autoscaler';
import { fc } from '../harness/properties.ts';

const law = fc.record({
  lambda: fc.double({ min: 1, max: 1_000, noNaN: true }),
  sigma: fc.double({ min: 0, max: 0.2, noNaN: true }),
  kappa: fc.double({ min: 0.002, max: 0.02, noNaN: true }),
});
const counts = [1, 2, 4, 6, 8, 12, 16];

function samples(of: { lambda: number; sigma: number; kappa: number }, noise: (at: number) => number) {
  return counts.flatMap((instances, at) =>
    [0, 1, 2].map((repeat) => ({
      at: repeat,
      instances,
      perSecond: uslThroughput(of, instances) * noise(3 * at + repeat),
    })),
  );
}

describe('fitUsl()', () => {
  it('finds the law that made the numbers, and where it is best', () => {
    fc.assert(
      fc.property(law, (made) => {
        const fit = fitUsl(samples(made, () => 1));
        expect(fit?.lambda).toBeCloseTo(made.lambda, 3);
        expect(fit?.sigma).toBeCloseTo(made.sigma, 4);
        expect(fit?.kappa).toBeCloseTo(made.kappa, 5);
        expect(fit?.confidence).toBeGreaterThan(uslConfidenceMin);
        const best = Math.round(Math.sqrt((1 - made.sigma) / made.kappa));
        if (best <= 24) expect(fit?.best).toBe(best);
      }),
    );
  });

  it('is not led astray by one count that was measured badly', () => {
    const made = { lambda: 50, sigma: 0.05, kappa: 0.008 };
    const fit = fitUsl(samples(made, (at) => (at >= 9 && at < 12 ? 0.5 : 1)));
    expect(fit?.best).toBeGreaterThanOrEqual(9);
    expect(fit?.best).toBeLessThanOrEqual(13);
  });

  it('names no best where adding goes on helping', () => {
    expect(fitUsl(samples({ lambda: 50, sigma: 0.01, kappa: 0 }, () => 1))?.best).toBeUndefined();
  });

  it('takes what only saturates for waiting, not for a throughput that falls', () => {
    // K-means of the paper's study on two cores: the full fit has a kappa below zero.
    const measured = [66.9, 75, 89.8, 99.2].map((perSecond, at) => ({ at: 0, instances: 2 ** at, perSecond }));
    const fit = fitUsl(measured);
    expect(fit).toMatchObject({ kappa: 0, best: undefined });
    expect(fit?.sigma).toBeGreaterThan(0.5);
    expect(fit?.confidence).toBeGreaterThan(0.7);
  });

  it('says nothing from too few counts, or counts too close together', () => {
    const at = (instances: number) => ({ at: 0, instances, perSecond: instances * 10 });
    expect(fitUsl([])).toBeUndefined();
    expect(fitUsl([1, 2, 4].map(at))).toBeUndefined();
    expect(fitUsl([10, 11, 12, 13].map(at))).toBeUndefined();
  });

  it('is unsure about noise', () => {
    const random = [0.3, 1.9, 0.5, 1.4, 0.2, 1.8, 0.9];
    const fit = fitUsl(counts.map((instances, at) => ({ at, instances, perSecond: 100 * (random[at] ?? 1) })));
    expect(fit?.confidence ?? 0).toBeLessThan(uslConfidenceMin);
  });
});
