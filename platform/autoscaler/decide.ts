/**
 * How many instances of one function are wanted, and why, in one line with its numbers. Pure: all it knows is in its
 * arguments. The formula and a worked example: README.md beside this file.
 */

export interface ScaleSnapshot {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Events not yet done; undefined when the broker did not say. */
  readonly lag: { readonly pending: number; readonly ackPending: number } | undefined;
  /** Gathers still collecting parts: each will be an event (G12). */
  readonly openKeys: number;
  /** Events and calls inside agents. */
  readonly inFlight: number;
  /** Smoothed time of a call; undefined before the first one. */
  readonly serviceMs: number | undefined;
  readonly concurrency: number;
  /** Wanted until now. */
  readonly current: number;
}

export interface ScalePolicy {
  readonly min: number;
  readonly max: number;
  readonly drainTargetMs: number;
  /** Scale-in goes no lower than the largest recommendation of this long. */
  readonly cooldownMs: number;
}

/** Recommendations of the stabilisation window, oldest first. */
export type ScaleMemory = readonly { readonly at: number; readonly wanted: number }[];

export interface ScaleDecision {
  readonly wanted: number;
  /** Without what is only held back from scale-in: those instances give way when another function needs their slots. */
  readonly needed: number;
  readonly reason: string;
  readonly memory: ScaleMemory;
}

export function decide(snapshot: ScaleSnapshot, policy: ScalePolicy, memory: ScaleMemory): ScaleDecision {
  const { now, current } = snapshot;
  const kept = memory.filter((entry) => now - entry.at < policy.cooldownMs);
  if (!snapshot.lag) {
    // Unknown is neither zero nor infinite: hold.
    return {
      wanted: clamp(current, policy),
      needed: clamp(current, policy),
      reason: `lag unknown: held at ${current}`,
      memory: kept,
    };
  }
  const { wanted: needed, because } = recommend(snapshot, policy);
  const bounded = clamp(needed, policy);
  const bound =
    bounded === needed
      ? ''
      : `; bounded to ${bounded} by ${bounded > needed ? `min ${policy.min}` : `max ${policy.max}`}`;
  const next = [...kept, { at: now, wanted: bounded }];
  const floor = next.reduce((most, entry) => Math.max(most, entry.wanted), 0);
  if (bounded < current && floor > bounded) {
    const held = Math.min(current, floor);
    return {
      wanted: held,
      needed: bounded,
      reason: `${because}${bound}; held at ${held} for the cooldown of ${policy.cooldownMs / 1_000} s`,
      memory: compact(next),
    };
  }
  return { wanted: bounded, needed: bounded, reason: because + bound, memory: compact(next) };
}

function recommend(snapshot: ScaleSnapshot, policy: ScalePolicy): { wanted: number; because: string } {
  const { openKeys, inFlight, serviceMs, concurrency } = snapshot;
  const lag = (snapshot.lag?.pending ?? 0) + (snapshot.lag?.ackPending ?? 0);
  // Calls are in no stream; events inside agents are in both counts.
  const work = Math.max(lag, inFlight) + openKeys;
  if (work === 0) return { wanted: 0, because: 'nothing to do -> 0' };
  const parts = `lag ${lag}${openKeys > 0 ? `, ${openKeys} open keys` : ''}${inFlight > lag ? `, ${inFlight} calls` : ''}`;
  if (serviceMs === undefined) {
    return { wanted: 1, because: `${parts}, service time not measured yet -> 1` };
  }
  const wanted = Math.max(1, Math.ceil((work * serviceMs) / (policy.drainTargetMs * concurrency)));
  return {
    wanted,
    because: `${parts}, ${serviceMs.toFixed(serviceMs < 10 ? 2 : 0)} ms a call, drain target ${policy.drainTargetMs / 1_000} s -> ${wanted}`,
  };
}

function clamp(wanted: number, policy: ScalePolicy): number {
  return Math.min(policy.max, Math.max(policy.min, wanted));
}

/** Only rising maxima from the newest backwards can ever hold a scale-in: the rest is dropped, the memory stays short. */
function compact(memory: ScaleMemory): ScaleMemory {
  const kept: { at: number; wanted: number }[] = [];
  let most = -1;
  for (const entry of [...memory].reverse()) {
    if (entry.wanted <= most) continue;
    kept.unshift(entry);
    most = entry.wanted;
  }
  return kept;
}
