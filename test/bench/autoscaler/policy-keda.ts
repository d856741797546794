/**
 * KEDA's lag threshold. The scaler gives the lag as an average value to a HorizontalPodAutoscaler:
 * desired = ceil(lag / lagThreshold) (https://keda.sh/docs/latest/scalers/nats-jetstream-stream/, activation apart:
 * https://keda.sh/docs/latest/concepts/scaling-deployments/). The HPA leaves a change of less than 10 % alone, doubles or
 * adds 4 a step, and scales in to the largest recommendation of its stabilisation window
 * (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/, "Algorithm details" and "Default behavior").
 */
import type { PolicyKind } from './policy.ts';

const tolerance = 0.1;
/** Of the default policies: 100 percent or 4 pods in each period. */
const periodMs = 1_000;

export const keda: PolicyKind = {
  name: 'keda-lag',
  grid: {
    lagThreshold: [1, 1.5, 3, 10],
    stabilisationMs: [1_000, 5_000, 15_000],
    cooldownMs: [1_000, 10_000, 60_000],
  },
  create({ lagThreshold = 1, stabilisationMs = 0, cooldownMs = 0 }) {
    let recommended: { at: number; wanted: number }[] = [];
    let grown: { at: number; from: number }[] = [];
    let activeAt = Number.NEGATIVE_INFINITY;
    return ({ now, lag, current, max }) => {
      if (lag > 0) activeAt = now;
      if (current === 0) return answer(lag > 0 ? 1 : 0);
      const ratio = lag / (lagThreshold * current);
      let wanted = Math.abs(ratio - 1) <= tolerance ? current : Math.ceil(lag / lagThreshold);
      // The HPA never goes below one: KEDA itself takes the last one, after its cooldown.
      wanted = Math.max(1, wanted);
      recommended = [...recommended.filter(({ at }) => now - at < stabilisationMs), { at: now, wanted }];
      if (wanted < current) wanted = Math.min(current, Math.max(...recommended.map((entry) => entry.wanted)));
      grown = grown.filter(({ at }) => now - at < periodMs);
      if (wanted > current) {
        const from = Math.min(current, ...grown.map((entry) => entry.from));
        wanted = Math.min(wanted, Math.max(2 * from, from + 4));
        grown.push({ at: now, from: current });
      }
      if (wanted === 1 && lag === 0 && now - activeAt > cooldownMs) return answer(0);
      return answer(Math.min(wanted, max));
    };
  },
};

function answer(wanted: number) {
  return { wanted, needed: wanted };
}
