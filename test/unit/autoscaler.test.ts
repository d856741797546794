import { describe, expect, it } from 'vitest';
import {
  type Downstream,
  decide,
  defaultTuning,
  noMemory,
  type ScaleDecision,
  type ScaleMemory,
  type ScalePolicy,
  type ScaleSnapshot,
} from '#autoscaler';
import { cronProblem, scheduledAt } from '#model';
import { fc } from '../harness/properties.ts';

const policy: ScalePolicy = {
  min: 0,
  max: 16,
  drainTargetMs: 20_000,
  cooldownMs: 30_000,
  paused: { in: false, out: false },
  tuning: defaultTuning,
};
const idle: ScaleSnapshot = {
  now: 0,
  lag: { pending: 0, ackPending: 0 },
  arrived: 0,
  ended: 0,
  openKeys: 0,
  inFlight: 0,
  serviceMs: 26,
  concurrency: 1,
  ready: 1,
  startError: '',
  current: 0,
  downstream: [],
};
/** However many steps it would take. */
const allAtOnce = { ...defaultTuning, stepOutMin: 1e6 };
const unbounded = { ...policy, tuning: { ...defaultTuning, stepOut: 1e6 } };

const downstreams = fc.record({
  name: fc.constant('below'),
  drainMs: fc.option(fc.nat(1e6), { nil: undefined }),
  drainTargetMs: fc.constant(10_000),
  atLimit: fc.boolean(),
});
const snapshots = fc.record({
  now: fc.constant(1_000_000),
  lag: fc.option(fc.record({ pending: fc.nat(1e6), ackPending: fc.nat(1e4) }), { nil: undefined }),
  arrived: fc.option(fc.nat(1e9), { nil: undefined }),
  ended: fc.nat(1e9),
  openKeys: fc.nat(1_000),
  inFlight: fc.nat(10_000),
  serviceMs: fc.option(fc.double({ min: 0.001, max: 1e5, noNaN: true }), { nil: undefined }),
  concurrency: fc.integer({ min: 1, max: 100 }),
  ready: fc.nat(64),
  startError: fc.constantFrom('', 'it threw'),
  current: fc.nat(64),
  downstream: fc.array(downstreams, { maxLength: 2 }),
});
const policies = fc
  .record({
    min: fc.nat(8),
    span: fc.nat(56),
    drainTargetMs: fc.integer({ min: 1, max: 60_000 }),
    cooldownMs: fc.nat(60_000),
    paused: fc.record({ in: fc.boolean(), out: fc.boolean() }),
  })
  .map(({ min, span, ...rest }) => ({ min, max: min + span, tuning: defaultTuning, ...rest }));

/** Rounds of 250 ms with `perSecond` arrivals; returns the last decision. */
function run(
  { perSecond, forMs, lag = 0, startAt = 0 }: { perSecond: number; forMs: number; lag?: number; startAt?: number },
  before?: ScaleDecision,
  bounds: ScalePolicy = policy,
): ScaleDecision {
  let last = before;
  let arrived = before?.memory.arrivals.at(-1)?.total ?? 0;
  for (let ms = 0; ms <= forMs; ms += 250) {
    arrived += perSecond / 4;
    const snapshot: ScaleSnapshot = {
      ...idle,
      now: startAt + ms,
      arrived: Math.floor(arrived),
      lag: { pending: lag, ackPending: 0 },
      current: last?.wanted ?? 0,
    };
    last = decide(snapshot, bounds, last?.memory ?? noMemory);
  }
  return last as ScaleDecision;
}

/** 60 events a second for a minute. */
const steadyMinute = (): ScaleMemory => ({
  ...noMemory,
  arrivals: Array.from({ length: 61 }, (_, second) => ({ at: second * 1_000, total: second * 60 })),
});

describe('decide()', () => {
  it('says so where cores are busy, and goes by the work all the same', () => {
    const snapshot = { ...idle, lag: { pending: 100, ackPending: 0 }, arrived: 100, nodes: { cpu: 0.97, memory: 0.5 } };
    const busy = decide(snapshot, policy, noMemory);
    const quiet = decide({ ...snapshot, nodes: { cpu: 0.5, memory: 0.5 } }, policy, noMemory);
    expect(busy.reason).toBe(`${quiet.reason}; its nodes' cores are 97 % busy`);
    expect(busy.wanted).toBe(quiet.wanted);
  });

  it('gives the worked example of its README', () => {
    const snapshot = { ...idle, now: 60_000, arrived: 3_600, lag: { pending: 2_140, ackPending: 60 }, current: 2 };
    const decision = decide(snapshot, policy, steadyMinute());
    expect(decision.wanted).toBe(3);
    expect(decision.reason).toBe('lag 2,200, 60/s in, 38/s an instance, drain target 20 s -> 3');
  });

  it('holds what is wanted when the lag or the arrivals are unknown', () => {
    for (const unknown of [{ lag: undefined }, { arrived: undefined }]) {
      const decision = decide({ ...idle, ...unknown, current: 7 }, policy, noMemory);
      expect(decision).toMatchObject({ wanted: 7, reason: 'lag unknown: held at 7' });
    }
  });

  it('starts one instance to measure the service time, and one that tries where none starts', () => {
    const lag = { pending: 5_000, ackPending: 0 };
    expect(decide({ ...idle, serviceMs: undefined, lag }, policy, noMemory).wanted).toBe(1);
    const broken = decide({ ...idle, lag, ready: 0, startError: 'no such module' }, policy, noMemory);
    expect(broken.wanted).toBe(1);
    expect(broken.reason).toContain('no instance starts (no such module)');
  });

  it('starts no instance that a bound on events at once would leave without work', () => {
    const lag = { pending: 2_000, ackPending: 2 };
    const atOnce = { ...policy, tuning: allAtOnce };
    const slow = { ...idle, lag, arrived: 2_000, serviceMs: 500 };
    expect(decide(slow, atOnce, noMemory).wanted).toBe(16);
    const held = decide({ ...slow, limit: { events: 2, nodes: 1 } }, atOnce, noMemory);
    expect(held.wanted).toBe(2);
    expect(held.reason).toMatch(/ -> 49; held at 2 by limits\.inFlight \(2 events at once, 1 an instance\)$/);
    const onThree = decide({ ...slow, concurrency: 4, limit: { events: 6, nodes: 3 } }, atOnce, noMemory);
    expect(onThree.wanted).toBe(6);
    expect(onThree.reason).toContain(
      'held at 6 by limits.inFlight (6 events at once on each of 3 nodes, 4 an instance)',
    );
    // Calls are handed over whatever the bound on events is, and a `min` is somebody's wish.
    expect(decide({ ...slow, inFlight: 5, limit: { events: 2, nodes: 1 } }, atOnce, noMemory).wanted).toBe(5);
    expect(decide({ ...slow, limit: { events: 2, nodes: 1 } }, { ...atOnce, min: 3 }, noMemory).wanted).toBe(3);
  });

  it('never wants more than the bound on events at once can fill, nor fewer than without one while it can', () => {
    const bounds = fc.record({ events: fc.integer({ min: 1, max: 200 }), nodes: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(snapshots, policies, bounds, (snapshot, { min, ...rest }, limit) => {
        fc.pre(snapshot.lag !== undefined && snapshot.arrived !== undefined);
        const inside = { ...rest, min: 0, cooldownMs: 0, tuning: allAtOnce };
        const atRest = { ...snapshot, current: 0, downstream: [] };
        const free = decide(atRest, inside, noMemory).wanted;
        const bounded = decide({ ...atRest, limit }, inside, noMemory).wanted;
        const filled = limit.nodes * Math.ceil(limit.events / snapshot.concurrency);
        const most = Math.max(filled, Math.ceil(snapshot.inFlight / snapshot.concurrency));
        expect(bounded).toBe(Math.min(free, most));
      }),
    );
  });

  it('counts open gathers as work to come', () => {
    expect(decide({ ...idle, openKeys: 4, serviceMs: 10_000 }, policy, noMemory).wanted).toBe(2);
    // But none of them is work yet: another function's event comes first where slots are short.
    expect(decide({ ...idle, openKeys: 4, serviceMs: 10_000 }, policy, noMemory).needed).toBe(0);
    const lag = { pending: 1, ackPending: 0 };
    expect(decide({ ...idle, openKeys: 4, lag, serviceMs: 10_000 }, policy, noMemory)).toMatchObject({ needed: 1 });
    // Where they are events in line, or calls that follow their parts, they are work.
    const work = { ...idle, openKeys: 4, openKeysAreWork: true, serviceMs: 10_000 };
    expect(decide(work, policy, noMemory)).toMatchObject({ wanted: 2, needed: 2 });
  });

  it('sees a tenfold step within a second, and counts the shorter window as a burst', () => {
    const before = run({ perSecond: 40, forMs: 60_000, lag: 1 });
    expect(before.wanted).toBe(2);
    const after = run({ perSecond: 400, forMs: 1_000, lag: 20, startAt: 60_250 }, before);
    expect(after.rate?.mode).toBe('burst');
    expect(after.wanted).toBeGreaterThanOrEqual(4);
    const settled = run({ perSecond: 400, forMs: 10_000, lag: 20, startAt: 61_500 }, after);
    expect(settled.wanted).toBeGreaterThanOrEqual(Math.ceil((400 * 0.026) / 0.8));
    expect(settled.wanted).toBeLessThanOrEqual(16);
  });

  it('sees a step in two rounds, before it has filled a longer window: one instance of a busy function becomes two', () => {
    // 26 ms a call: one instance does 38 a second, and is to be busy for 80 % of the time.
    const before = run({ perSecond: 5, forMs: 60_000, lag: 1 });
    const look = (forMs: number) => run({ perSecond: 50, forMs, lag: 1, startAt: 60_250 }, before);
    expect([before.wanted, look(0).wanted]).toEqual([1, 1]);
    expect(look(250)).toMatchObject({ wanted: 2, rate: { mode: 'burst', windowMs: 500 } });
  });

  it('goes by the steadier window of 2 s once that has seen the step, so that jitter adds no instances', () => {
    const before = run({ perSecond: 40, forMs: 60_000, lag: 1 });
    const after = run({ perSecond: 400, forMs: 2_500, lag: 20, startAt: 60_250 }, before);
    // A source that was held up makes up for it.
    const hasty = run({ perSecond: 520, forMs: 500, lag: 20, startAt: 63_000 }, after);
    expect(hasty.rate?.windowMs).toBeGreaterThanOrEqual(2_000);
    expect(hasty.rate?.perSecond).toBeLessThan(460);
  });

  it('takes a bunch of events for no step, however many they are', () => {
    const before = run({ perSecond: 40, forMs: 60_000, lag: 1 });
    const bunch = run({ perSecond: 4_000, forMs: 0, lag: 1, startAt: 60_250 }, before);
    // As much as the window of 2 s says, and no more.
    expect(bunch.rate?.perSecond).toBeLessThan(600);
    expect(bunch.rate?.windowMs).toBeGreaterThanOrEqual(2_000);
  });

  it('sees that events have stopped after 6 s, and still waits for the cooldown', () => {
    const before = run({ perSecond: 400, forMs: 60_000, lag: 10 });
    const lull = run({ perSecond: 0, forMs: 8_000, startAt: 60_250 }, before);
    expect(lull.rate?.mode).toBe('lull');
    expect(lull.wanted).toBe(before.wanted);
    expect(lull.reason).toContain('cooldown of 30 s');
    expect(run({ perSecond: 0, forMs: 60_000, startAt: 68_500 }, lull).wanted).toBe(0);
  });

  it('grows less often for chance differences than it would without asking how likely they are', () => {
    // A rare run of arrivals cannot be told from a burst, so the claim is about the share of minutes, over fixed seeds.
    const minutesThatGrow = (tuned: ScalePolicy) =>
      Array.from({ length: 100 }, (_, seed) => mostWantedAtFiveASecond(seed + 1, tuned)).filter((most) => most > 1)
        .length;
    const unquestioned = { ...policy, tuning: { ...defaultTuning, burstSigmas: 0 } };
    expect(minutesThatGrow(policy)).toBeLessThan(minutesThatGrow(unquestioned) / 2);
  });

  it('grows by the step of a second, and says so', () => {
    const decision = decide({ ...idle, lag: { pending: 1e6, ackPending: 0 }, current: 1 }, policy, noMemory);
    expect(decision.wanted).toBe(5);
    expect(decision.needed).toBe(5);
    expect(decision.reason).toContain('held at 5 by the step of a second');
  });

  it('does not grow while a function below it is behind, and gives back where that is far behind', () => {
    const below = (drainMs: number): Downstream => ({ name: 'recon', drainMs, drainTargetMs: 10_000, atLimit: true });
    const busy = { ...idle, lag: { pending: 1e6, ackPending: 0 }, current: 6 };
    expect(decide({ ...busy, downstream: [below(25_000)] }, policy, noMemory).wanted).toBe(6);
    const { memory } = decide(idle, policy, noMemory);
    const shrinking = decide({ ...busy, downstream: [below(50_000)] }, policy, memory);
    expect(shrinking.wanted).toBe(5);
    expect(shrinking.reason).toContain('back-pressure: recon needs 50 s');
    const roomy = { ...below(50_000), atLimit: false };
    expect(decide({ ...busy, downstream: [roomy] }, policy, noMemory).wanted).toBe(16);
  });

  it('does not go past the best of a scalability fit that it trusts', () => {
    const fit = { lambda: 40, sigma: 0.05, kappa: 0.01, confidence: 0.95, best: 10 };
    const memory = { ...noMemory, throughput: { span: undefined, samples: [], fit } };
    const busy = { ...idle, lag: { pending: 1e6, ackPending: 0 }, current: 9 };
    expect(decide(busy, policy, memory).wanted).toBe(10);
    const unsure = { ...memory, throughput: { ...memory.throughput, fit: { ...fit, confidence: 0.5 } } };
    expect(decide(busy, policy, unsure).wanted).toBe(16);
  });

  it('pauses in one direction or both', () => {
    const paused = { ...policy, paused: { in: true, out: true } };
    expect(decide({ ...idle, current: 3 }, paused, noMemory).reason).toContain('scale-in is paused');
    const out = decide({ ...idle, lag: { pending: 1e6, ackPending: 0 }, current: 3 }, paused, noMemory);
    expect(out).toMatchObject({ wanted: 3, reason: expect.stringContaining('held at 3 by scale-out is paused') });
  });

  it('stays within min and max, and has a reason, whatever it is told', () => {
    fc.assert(
      fc.property(snapshots, policies, (snapshot, bounds) => {
        const decision = decide(snapshot, bounds, noMemory);
        expect(decision.wanted).toBeGreaterThanOrEqual(bounds.min);
        expect(decision.wanted).toBeLessThanOrEqual(bounds.max);
        expect(decision.needed).toBeLessThanOrEqual(decision.wanted);
        expect(decision.reason).not.toBe('');
      }),
    );
  });

  it('never wants fewer instances for more lag', () => {
    fc.assert(
      fc.property(snapshots, policies, fc.nat(1e5), (snapshot, bounds, more) => {
        const { lag } = snapshot;
        if (!lag) return;
        const less = decide(snapshot, bounds, noMemory).wanted;
        const grown = decide({ ...snapshot, lag: { ...lag, pending: lag.pending + more } }, bounds, noMemory).wanted;
        expect(grown).toBeGreaterThanOrEqual(less);
      }),
    );
  });

  it('remembers a bounded amount, however long it runs', () => {
    const last = run({ perSecond: 100, forMs: 300_000, lag: 1_000 }, undefined, unbounded);
    const { arrivals, recommendations, steps, throughput } = last.memory;
    expect(arrivals.length).toBeLessThan(100);
    expect(recommendations.length).toBeLessThan(130);
    expect(steps.length).toBeLessThan(10);
    expect(throughput.samples.length).toBeLessThanOrEqual(240);
  });
});

describe('scheduledAt()', () => {
  const night = { cron: '0 22 * * 1-5', timeZone: 'Europe/Berlin', forMs: 8 * 3_600_000, min: 4, max: 32 };

  it('holds from each time of the pattern for its length, in its own time zone', () => {
    // Tuesday, 20:00 UTC is 22:00 in Berlin in summer.
    const begins = Date.UTC(2026, 6, 7, 20, 0);
    expect(scheduledAt([night], begins - 1)).toBeUndefined();
    expect(scheduledAt([night], begins)).toBe(night);
    expect(scheduledAt([night], begins + night.forMs - 1)).toBe(night);
    expect(scheduledAt([night], begins + night.forMs + 1)).toBeUndefined();
    // Saturday night.
    expect(scheduledAt([night], Date.UTC(2026, 6, 11, 21, 0))).toBeUndefined();
  });

  it('says what is wrong with a pattern', () => {
    expect(cronProblem('0 8 * * 1-5', '')).toBeUndefined();
    expect(cronProblem('0 8 * *', '')).toBeDefined();
    expect(cronProblem('0 8 * * *', 'Mars/Olympus')).toBeDefined();
    expect(cronProblem('0 0 30 2 *', '')).toBe('"0 0 30 2 *" never comes');
  });
});

/** The most instances wanted in the minute after the first 30 s of Poisson arrivals at 5 a second, 100 ms each. */
function mostWantedAtFiveASecond(seed: number, tuned: ScalePolicy): number {
  const random = mulberry(seed);
  let last: ScaleDecision | undefined;
  let arrived = 0;
  let most = 0;
  for (let now = 0; now <= 90_000; now += 250) {
    for (let chance = 0; chance < 50; chance++) if (random() < 5 / 4 / 50) arrived++;
    const lag = { pending: 1, ackPending: 0 };
    const snapshot = { ...idle, serviceMs: 100, now, arrived, lag, current: last?.wanted ?? 0 };
    last = decide(snapshot, tuned, last?.memory ?? noMemory);
    if (now > 30_000) most = Math.max(most, last.wanted);
  }
  return most;
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

it('keeps the instance that a call woke and left between two looks, for the cooldown and no longer', () => {
  let memory = decide(idle, policy, noMemory).memory;
  let current = 0;
  const look = (now: number) => {
    const decision = decide({ ...idle, now, arrived: 1, ended: 1, current }, policy, memory);
    memory = decision.memory;
    current = decision.wanted;
    return decision;
  };
  const first = look(500);
  expect(first).toMatchObject({ wanted: 1, needed: 0, reason: expect.stringContaining('cooldown') });
  for (let now = 1_000; now < 500 + policy.cooldownMs; now += 500) expect(look(now).wanted).toBe(1);
  expect(look(500 + policy.cooldownMs + 500).wanted).toBe(0);
});

it('of a new gateway leaves what it finds for the cooldown, and no longer', () => {
  const first = decide({ ...idle, now: 1_000, current: 4 }, policy, noMemory);
  expect(first).toMatchObject({ wanted: 4, needed: 0, reason: expect.stringContaining('cooldown') });
  const later = decide({ ...idle, now: 1_500 + policy.cooldownMs, current: 4 }, policy, first.memory);
  expect(later.wanted).toBeLessThan(4);
});
