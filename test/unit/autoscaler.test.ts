import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type ScalePolicy, type ScaleSnapshot } from '#autoscaler';

const policy: ScalePolicy = { min: 0, max: 16, drainTargetMs: 20_000, cooldownMs: 30_000 };
const idle: ScaleSnapshot = {
  now: 0,
  lag: { pending: 0, ackPending: 0 },
  openKeys: 0,
  inFlight: 0,
  serviceMs: 26,
  concurrency: 1,
  current: 0,
};

const snapshots = fc.record({
  now: fc.constant(1_000_000),
  lag: fc.option(fc.record({ pending: fc.nat(1e6), ackPending: fc.nat(1e4) }), { nil: undefined }),
  openKeys: fc.nat(1_000),
  inFlight: fc.nat(10_000),
  serviceMs: fc.option(fc.double({ min: 0.001, max: 1e5, noNaN: true }), { nil: undefined }),
  concurrency: fc.integer({ min: 1, max: 100 }),
  current: fc.nat(64),
});
const policies = fc
  .record({
    min: fc.nat(8),
    span: fc.nat(56),
    drainTargetMs: fc.integer({ min: 1, max: 60_000 }),
    cooldownMs: fc.nat(60_000),
  })
  .map(({ min, span, ...rest }) => ({ min, max: min + span, ...rest }));

describe('decide()', () => {
  it('gives the worked example of its README', () => {
    const decision = decide({ ...idle, lag: { pending: 2_140, ackPending: 60 } }, policy, []);
    expect(decision.wanted).toBe(3);
    expect(decision.reason).toBe('lag 2200, 26 ms a call, drain target 20 s -> 3');
  });

  it('holds what is wanted when the lag is unknown', () => {
    const decision = decide({ ...idle, lag: undefined, current: 7 }, policy, []);
    expect(decision).toMatchObject({ wanted: 7, reason: 'lag unknown: held at 7' });
  });

  it('starts one instance to measure the service time', () => {
    expect(decide({ ...idle, serviceMs: undefined, lag: { pending: 5_000, ackPending: 0 } }, policy, []).wanted).toBe(
      1,
    );
  });

  it('counts open gathers as work to come', () => {
    expect(decide({ ...idle, openKeys: 4, serviceMs: 10_000 }, policy, []).wanted).toBe(2);
  });

  it('scales in only to the largest recommendation of the cooldown, and then does', () => {
    const busy = decide({ ...idle, lag: { pending: 2_200, ackPending: 0 } }, policy, []);
    const soon = decide({ ...idle, now: 10_000, current: busy.wanted }, policy, busy.memory);
    expect(soon.wanted).toBe(3);
    expect(soon.reason).toContain('held at 3 for the cooldown of 30 s');
    const later = decide({ ...idle, now: 31_000, current: soon.wanted }, policy, soon.memory);
    expect(later.wanted).toBe(0);
  });

  it('stays within min and max, and has a reason, whatever it is told', () => {
    fc.assert(
      fc.property(snapshots, policies, (snapshot, bounds) => {
        const decision = decide(snapshot, bounds, []);
        expect(decision.wanted).toBeGreaterThanOrEqual(bounds.min);
        expect(decision.wanted).toBeLessThanOrEqual(bounds.max);
        expect(decision.reason).not.toBe('');
      }),
    );
  });

  it('never wants fewer instances for more lag', () => {
    fc.assert(
      fc.property(snapshots, policies, fc.nat(1e5), (snapshot, bounds, more) => {
        const { lag } = snapshot;
        if (!lag) return;
        const less = decide(snapshot, bounds, []).wanted;
        const grown = decide({ ...snapshot, lag: { ...lag, pending: lag.pending + more } }, bounds, []).wanted;
        expect(grown).toBeGreaterThanOrEqual(less);
      }),
    );
  });
});
