/**
 * How many instances of one function are wanted, and why, in one line with its numbers. Pure: all it knows is in its
 * arguments. The formula and a worked example: README.md beside this file.
 *
 *   signals.ts   what is known          rate-window.ts    rates and bursts    recommend.ts   the formula
 *   usl.ts       where adding hurts     back-pressure.ts  who waits below     stabilise.ts   windows and steps
 *   fair-share.ts  who gets scarce slots  service-time.ts  a steady time of a call
 *   in-flight-limit.ts  how many can have work
 */
import { pressureOf } from './back-pressure.ts';
import { inFlightMost } from './in-flight-limit.ts';
import { type Rate, type RateMemory, rateOf, rememberTotal } from './rate-window.ts';
import { durationText } from './reason.ts';
import { recommend } from './recommend.ts';
import { rememberService, type ServiceMemory } from './service-time.ts';
import { busyNodeUse, type ScalePolicy, type ScaleSnapshot } from './signals.ts';
import {
  type Recommendations,
  rememberRecommendation,
  rememberStep,
  type Steps,
  stepInLimit,
  stepOutLimit,
  windowMaximum,
} from './stabilise.ts';
import { noThroughput, rememberThroughput, type ThroughputMemory } from './throughput.ts';
import { type UslFit, uslConfidenceMin } from './usl.ts';

export interface ScaleMemory {
  readonly arrivals: RateMemory;
  readonly service: ServiceMemory | undefined;
  readonly recommendations: Recommendations;
  readonly steps: Steps;
  readonly throughput: ThroughputMemory;
}

export const noMemory: ScaleMemory = {
  arrivals: [],
  service: undefined,
  recommendations: [],
  steps: [],
  throughput: noThroughput,
};

export interface ScaleDecision {
  readonly wanted: number;
  /** Without what is only held back from scale-in, or waits for open keys: those instances give way when another function needs their slots. */
  readonly needed: number;
  readonly reason: string;
  readonly rate: Rate | undefined;
  readonly usl: UslFit | undefined;
  readonly memory: ScaleMemory;
}

export function decide(snapshot: ScaleSnapshot, policy: ScalePolicy, memory: ScaleMemory): ScaleDecision {
  if (!snapshot.lag || snapshot.arrived === undefined) return hold(snapshot, policy, memory);
  const served = hasCome(snapshot, memory);
  const seen = remember(snapshot, memory);
  const rate = rateOf(seen.arrivals, snapshot.now, policy.tuning);
  const pace = { rate, serviceMs: seen.service?.ms };
  const { wanted: asked, because } = recommend(snapshot, pace, policy);
  // Keys that are open will be events and are none yet: who waits for nothing else gives way to a function that has some.
  const forNow = snapshot.openKeysAreWork ? asked : recommend({ ...snapshot, openKeys: 0 }, pace, policy).wanted;
  const reasons = [because, ...busyNodes(snapshot)];
  const needed = bound(asked, { snapshot, policy, memory: seen, reasons });
  const recommendations = rememberRecommendation(seen.recommendations, {
    now: snapshot.now,
    // What came and went between two looks needed an instance, too: the one that woke for it stays for the cooldown.
    wanted: Math.max(needed, served ? Math.min(1, policy.max) : 0, found(snapshot, memory)),
    windowMs: policy.cooldownMs,
  });
  const wanted = settle(needed, { snapshot, policy, memory: { ...seen, recommendations }, reasons });
  return {
    wanted,
    needed: Math.min(needed, forNow, wanted),
    reason: reasons.join('; '),
    rate,
    usl: seen.throughput.fit,
    memory: { ...seen, recommendations },
  };
}

/** Something has come since the last look. */
function hasCome({ arrived }: ScaleSnapshot, { arrivals }: ScaleMemory): boolean {
  const last = arrivals.at(-1);
  return last !== undefined && arrived !== undefined && arrived > last.total;
}

/** A new gateway finds instances that the last one wanted, and has not seen that they had nothing to do: the cooldown begins. */
function found({ current }: ScaleSnapshot, { arrivals }: ScaleMemory): number {
  return arrivals.length === 0 ? current : 0;
}

/** More instances there will hardly do more; the scalability fit finds out whether they do, a person sees why not. */
function busyNodes({ nodes }: ScaleSnapshot): string[] {
  if (!nodes || nodes.cpu < busyNodeUse) return [];
  return [`its nodes' cores are ${Math.round(100 * nodes.cpu)} % busy`];
}

/** Unknown is neither zero nor infinite. */
function hold(snapshot: ScaleSnapshot, policy: ScalePolicy, memory: ScaleMemory): ScaleDecision {
  const held = clamp(snapshot.current, policy.min, policy.max);
  return {
    wanted: held,
    needed: held,
    reason: `lag unknown: held at ${held}`,
    rate: undefined,
    usl: memory.throughput.fit,
    memory,
  };
}

function remember(snapshot: ScaleSnapshot, memory: ScaleMemory): ScaleMemory {
  const { now, arrived, ready, ended, concurrency, lag, current } = snapshot;
  const waiting = (lag?.pending ?? 0) + (lag?.ackPending ?? 0);
  return {
    ...memory,
    arrivals: rememberTotal(memory.arrivals, now, arrived ?? 0),
    service: rememberService(memory.service, now, snapshot.serviceMs),
    steps: rememberStep(memory.steps, now, current),
    // Twice what fits inside: no instance was ever short of work.
    throughput: rememberThroughput(memory.throughput, {
      now,
      ready,
      ended,
      saturated: ready === current && waiting > 2 * ready * concurrency,
    }),
  };
}

interface Step {
  readonly snapshot: ScaleSnapshot;
  readonly policy: ScalePolicy;
  readonly memory: ScaleMemory;
  /** Each bound that holds says so here. */
  readonly reasons: string[];
}

/** What must not be exceeded, whatever the work. */
function bound(asked: number, { snapshot, policy, memory, reasons }: Step): number {
  let wanted = asked;
  const cap = (most: number, because: string) => {
    if (wanted <= most) return;
    wanted = most;
    reasons.push(`held at ${most} by ${because}`);
  };
  const { fit } = memory.throughput;
  if (fit?.best !== undefined && fit.confidence >= uslConfidenceMin)
    cap(fit.best, `the scalability fit (more would slow it, confidence ${fit.confidence.toFixed(2)})`);
  const pressure = pressureOf(snapshot.downstream, snapshot.current);
  if (pressure) cap(pressure.instancesMax, `back-pressure: ${pressure.because}`);
  const limit = inFlightMost(snapshot);
  if (limit) cap(limit.most, limit.because);
  const within = clamp(wanted, policy.min, policy.max);
  const by = policy.boundsBy ? ` of ${policy.boundsBy}` : '';
  if (within !== wanted)
    reasons.push(`bounded to ${within} by ${within > wanted ? `min ${policy.min}` : `max ${policy.max}`}${by}`);
  return within;
}

/** From what is needed to what is wanted next: pauses, steps, and the window that holds a scale-in. */
function settle(needed: number, { snapshot, policy, memory, reasons }: Step): number {
  const { current, now } = snapshot;
  const inside = (count: number) => clamp(count, policy.min, policy.max);
  if (needed > current) {
    if (policy.paused.out) return keep(inside(current), reasons, 'scale-out is paused');
    const most = stepOutLimit(memory.steps, current, policy.tuning);
    return most < needed ? keep(inside(most), reasons, 'the step of a second') : needed;
  }
  const recent = memory.recommendations.filter((entry) => now - entry.at < policy.cooldownMs);
  // Nobody asked for the instance that a node woke by itself: from its first look on it is held like any other.
  const floor = Math.min(Math.max(current, policy.paused.out ? 0 : 1), windowMaximum(recent));
  if (needed === current && floor <= current) return needed;
  if (policy.paused.in && needed < current) return keep(inside(current), reasons, 'scale-in is paused');
  if (floor > needed) return keep(inside(floor), reasons, `the cooldown of ${durationText(policy.cooldownMs)}`);
  const least = stepInLimit(memory.steps, current);
  return least > needed ? keep(inside(least), reasons, 'the step of a second') : needed;
}

function keep(count: number, reasons: string[], by: string): number {
  reasons.push(`held at ${count} by ${by}`);
  return count;
}

function clamp(wanted: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, wanted));
}
