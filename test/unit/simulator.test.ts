import { expect, it } from 'vitest';
import { dominates, runs } from '../bench/autoscaler/compare.ts';
import { keda } from '../bench/autoscaler/policy-keda.ts';
import { ours } from '../bench/autoscaler/policy-ours.ts';
import { simulate } from '../bench/autoscaler/simulate.ts';
import { traces } from '../bench/autoscaler/traces.ts';

const parameters = { drainTargetMs: 400, cooldownMs: 500, targetUse: 1 };
const traceOf = (name: string) => traces.find((trace) => trace.name === name)!;

it('the same seed gives the same run, another one another', () => {
  const run = (seed: number) => simulate(traceOf('step'), () => ours.create(parameters), seed);
  expect(run(7)).toEqual(run(7));
  expect(run(8).events).not.toBe(run(7).events);
});

it.each(['step', 'node-loss', 'two-functions'])(
  '%s: no busy instance is stopped, and nothing costs less than the work',
  (name) => {
    const [result] = runs(ours, parameters, traceOf(name), [5]);
    expect(result?.stoppedBusy).toBe(0);
    expect(result?.events).toBeGreaterThan(5_000);
    expect(result?.instanceSeconds).toBeGreaterThan(0.98 * (result?.optimumSeconds ?? 0));
  },
);

it('a threshold on lag alone, tuned as well as it can be for bursts, misses what our policy does not', () => {
  const score = (kind: typeof ours, tuned: Record<string, number>) => {
    const [result] = runs(kind, tuned, traceOf('burst'), [5]);
    return {
      missPercent: (100 * (result?.misses ?? 0)) / (result?.events ?? 1),
      cost: (result?.instanceSeconds ?? 0) / (result?.optimumSeconds ?? 1),
    };
  };
  const own = score(ours, parameters);
  expect(own.missPercent).toBeLessThan(2);
  expect(dominates(own, score(keda, { lagThreshold: 1.5, stabilisationMs: 1_000, cooldownMs: 1_000 }), 1)).toBe(true);
});
