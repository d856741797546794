/**
 * Numaflow's scaling of a source: desired = pending / (targetProcessingSeconds * rate of one replica), rate and pending
 * averaged over a look-back; at most so many replicas a step, a cooldown between steps
 * (https://numaflow.numaproj.io/specifications/autoscaling/, https://numaflow.numaproj.io/user-guide/reference/autoscaling/).
 * With nothing pending the present number is what the rate keeps busy; with neither rate nor pending it is zero, and it
 * sleeps no shorter than its cooldown.
 */
import type { PolicyKind } from './policy.ts';

const lookbackMs = 5_000;

export const numaflow: PolicyKind = {
  name: 'numaflow',
  grid: {
    targetProcessingMs: [100, 300, 1_000, 3_000],
    cooldownMs: [250, 2_000, 10_000],
    step: [2, 4, 16],
  },
  create({ targetProcessingMs = 1, cooldownMs = 0, step = 1 }) {
    let samples: { at: number; pending: number; ended: number; ready: number }[] = [];
    let scaledAt = Number.NEGATIVE_INFINITY;
    return ({ now, lag, ended, ready, current, max, serviceMs }) => {
      samples = [...samples.filter(({ at }) => now - at < lookbackMs), { at: now, pending: lag, ended, ready }];
      const first = samples[0] ?? { at: now, ended, ready };
      const pending = samples.reduce((sum, sample) => sum + sample.pending, 0) / samples.length;
      const replicas = samples.reduce((sum, sample) => sum + sample.ready, 0) / samples.length;
      const rate = now > first.at ? ((ended - first.ended) * 1_000) / (now - first.at) : 0;
      if (current === 0) return take(lag > 0 ? 1 : 0);
      if (pending === 0 && rate === 0)
        return now - scaledAt >= cooldownMs ? take(Math.max(0, current - step)) : take(current, false);
      // A replica that has not been seen at work is taken at its service time.
      const perReplica = rate > 0 && replicas > 0 ? rate / replicas : 1_000 / (serviceMs ?? 100);
      const desired = Math.max(1, Math.ceil(pending / ((targetProcessingMs / 1_000) * perReplica)));
      if (desired === current || now - scaledAt < cooldownMs) return take(current, false);
      return take(desired > current ? Math.min(desired, current + step) : Math.max(desired, current - step));

      function take(wanted: number, isStep = true) {
        if (isStep) scaledAt = now;
        const bounded = Math.min(wanted, max);
        return { wanted: bounded, needed: bounded };
      }
    };
  },
};
