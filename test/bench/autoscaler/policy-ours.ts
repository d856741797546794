/** Our policy: the very code that the gateway runs. */
import { decide, defaultTuning, noMemory, type ScaleMemory } from '#autoscaler';
import type { PolicyKind } from './policy.ts';

export const ours: PolicyKind = {
  name: 'pilotfish',
  grid: {
    drainTargetMs: [200, 400, 700],
    cooldownMs: [500, 2_000, 10_000],
    targetUse: [0.7, 0.85, 1, 1.3],
  },
  create({ drainTargetMs = 0, cooldownMs = 0, targetUse = 0 }) {
    let memory: ScaleMemory = noMemory;
    return (view) => {
      const decision = decide(
        {
          now: view.now,
          lag: { pending: view.lag, ackPending: 0 },
          arrived: view.arrived,
          ended: view.ended,
          openKeys: 0,
          inFlight: 0,
          serviceMs: view.serviceMs,
          concurrency: 1,
          ready: view.ready,
          startError: '',
          current: view.current,
          downstream: [],
        },
        {
          min: 0,
          max: view.max,
          drainTargetMs,
          cooldownMs,
          paused: { in: false, out: false },
          tuning: { ...defaultTuning, targetUse },
        },
        memory,
      );
      memory = decision.memory;
      return { wanted: decision.wanted, needed: decision.needed };
    };
  },
};
