/**
 * Knative's pod autoscaler on concurrency: desired = average concurrency / (target * utilisation) over a stable window;
 * panic over a tenth of it when that asks for twice the ready ones, no scale-in meanwhile and until a stable window has
 * passed; scale-in by half a step at most, after a delay
 * (https://knative.dev/docs/serving/autoscaling/kpa-specific/, https://knative.dev/docs/serving/autoscaling/concurrency/,
 * the loop: https://github.com/knative/serving/blob/main/docs/scaling/SYSTEM.md). Queued events count as concurrent, as in
 * its queue proxies.
 */
import type { PolicyKind } from './policy.ts';

const panicShare = 0.1;
const panicThreshold = 2;
const scaleDownRate = 2;
const stepMs = 1_000;

export const knative: PolicyKind = {
  name: 'knative-kpa',
  grid: {
    utilisation: [0.5, 0.7, 0.85, 1],
    stableMs: [6_000, 20_000, 60_000],
    scaleDownDelayMs: [0, 5_000, 15_000],
  },
  create({ utilisation = 1, stableMs = 0, scaleDownDelayMs = 0 }) {
    let samples: { at: number; concurrency: number }[] = [];
    let delayed: { at: number; wanted: number }[] = [];
    let panicUntil = Number.NEGATIVE_INFINITY;
    let panicMost = 0;
    let activeAt = Number.NEGATIVE_INFINITY;
    let high: { at: number; count: number }[] = [];
    return ({ now, lag, ready, current, max }) => {
      if (lag > 0) activeAt = now;
      samples = [...samples.filter(({ at }) => now - at < stableMs), { at: now, concurrency: lag }];
      const panicWindow = samples.filter(({ at }) => now - at < Math.max(panicShare * stableMs, 500));
      const desiredStable = Math.ceil(mean(samples) / utilisation);
      const desiredPanic = Math.ceil(mean(panicWindow) / utilisation);
      if (desiredPanic / Math.max(1, ready) >= panicThreshold) panicUntil = now + stableMs;
      let wanted = desiredStable;
      if (now < panicUntil) {
        panicMost = Math.max(panicMost, desiredPanic, current);
        wanted = panicMost;
      } else {
        panicMost = 0;
      }
      high = [...high.filter(({ at }) => now - at < stepMs), { at: now, count: current }];
      wanted = Math.max(wanted, Math.floor(Math.max(...high.map(({ count }) => count)) / scaleDownRate));
      delayed = [...delayed.filter(({ at }) => now - at < scaleDownDelayMs), { at: now, wanted }];
      wanted = Math.max(...delayed.map((entry) => entry.wanted));
      // The last one goes when a whole stable window has seen nothing.
      if (wanted === 0 && now - activeAt < stableMs) wanted = Math.min(1, current);
      const bounded = Math.min(Math.max(wanted, lag > 0 ? 1 : 0), max);
      return { wanted: bounded, needed: bounded };
    };
  },
};

function mean(samples: readonly { readonly concurrency: number }[]): number {
  return samples.reduce((sum, { concurrency }) => sum + concurrency, 0) / Math.max(1, samples.length);
}
