import { describe, expect, it } from 'vitest';
import { nodeMost } from '#autoscaler';
import type { FunctionLoad, ReportResponse } from '#proto';
import { FunctionSpec, FunctionVersion, Node } from '#proto';
import { isTrusted, judgeNodes, type TrustMemory } from '../../platform/gateway/nodes/node-trust.ts';
import { DecisionLog } from '../../platform/gateway/scaling/decision-log.ts';
import { downstreamOf } from '../../platform/gateway/scaling/downstream.ts';
import { atOnceOf, CameEvents, EndedCalls, versionLoads } from '../../platform/gateway/scaling/function-load.ts';
import { withTurnedAway } from '../../platform/gateway/scaling/function-scales.ts';
import { policyOf } from '../../platform/gateway/scaling/scale-policy.ts';
import { restMs } from '../../platform/gateway/scaling/scaling-loop.ts';

const load = (more: Partial<FunctionLoad>): FunctionLoad => ({
  function: 'f',
  digest: 'd',
  inFlight: 0,
  serviceMs: 20,
  p99Ms: 30,
  startMs: 40,
  shards: [],
  handled: 500,
  failed: 0,
  startError: '',
  messageEvents: 0,
  openKeys: 0,
  turnedAway: false,
  counts: undefined,
  ...more,
});
const report = (id: string, more: Partial<FunctionLoad>): ReportResponse => ({
  node: Node.fromPartial({ id }),
  epoch: 1,
  generation: 1,
  loads: [load(more)],
  userMetrics: [],
  scans: [],
});

describe('versionLoads()', () => {
  it('believes the middle of the nodes: one that lies changes nothing', () => {
    for (const lie of [1e12, Number.NaN, -5, Number.POSITIVE_INFINITY, 80_000_000]) {
      const reports = [
        report('n1', {}),
        report('n2', { serviceMs: 22 }),
        report('n3', { serviceMs: lie, handled: 1e18 }),
      ];
      const seen = versionLoads(reports).get('d');
      expect(seen?.serviceMs).toBeGreaterThanOrEqual(20);
      expect(seen?.serviceMs).toBeLessThanOrEqual(22);
    }
  });

  it('knows how busy the nodes are that run it, and takes a share for one', () => {
    const busy = (id: string, cpuUsed: number, memoryUsed: number): ReportResponse => ({
      ...report(id, {}),
      node: Node.fromPartial({ id, cpuUsed, memoryUsed, instances: [{ digest: 'd', state: 'ready' }] }),
    });
    const idle = report('n3', {});
    expect(versionLoads([busy('n1', 0.9, 0.2), busy('n2', 7, 0.4), idle]).get('d')?.nodes).toEqual({
      cpu: 0.95,
      memory: 0.4,
    });
    expect(versionLoads([idle]).get('d')?.nodes).toBeUndefined();
  });

  it('believes the middle of the nodes of how many events a message holds; who has had none says nothing', () => {
    const messageEvents = (...said: number[]) =>
      versionLoads(said.map((count, at) => report(`n${at}`, { messageEvents: count }))).get('d')?.messageEvents;
    expect(messageEvents(0, 0)).toBe(1);
    expect(messageEvents(0, 64)).toBe(64);
    for (const lie of [1e12, Number.NaN, -5, Number.POSITIVE_INFINITY, 256])
      expect([60, 64]).toContain(messageEvents(60, lie, 64));
  });

  it('knows that an event found no slot, and counts it where no lag shows it: a retry that is due', () => {
    const seen = (...said: boolean[]) =>
      versionLoads(said.map((turnedAway, at) => report(`n${at}`, { turnedAway }))).get('d');
    const nothing = { pending: 0, ackPending: 0 };
    expect(withTurnedAway(nothing, seen(false, true))).toEqual({ pending: 0, ackPending: 1 });
    expect(withTurnedAway(nothing, seen(false, false))).toEqual(nothing);
    expect(withTurnedAway({ pending: 0, ackPending: 3 }, seen(true))).toEqual({ pending: 0, ackPending: 3 });
  });

  it('counts what has come in events, also where packs become fuller and where a consumer is made anew', () => {
    const came = new CameEvents();
    expect([came.update(10, 1), came.update(12, 50), came.update(12, 200), came.update(3, 2)]).toEqual([
      10, 110, 110, 6,
    ]);
  });

  it('counts ended calls on, when an agent begins to count anew', () => {
    const ended = new EndedCalls();
    expect(ended.update(new Map([['n1', 10]]))).toBe(10);
    expect(ended.update(new Map([['n1', 15]]))).toBe(15);
    expect(
      ended.update(
        new Map([
          ['n1', 2],
          ['n2', 1],
        ]),
      ),
    ).toBe(18);
  });
});

describe('atOnceOf()', () => {
  const version = (more: Partial<FunctionSpec>) =>
    FunctionVersion.fromPartial({ spec: { ...FunctionSpec.fromPartial({}), ...more } });
  const limits = { inFlight: 2, memoryBytes: 0 };

  it('knows the bound on events at once, of each node', () => {
    expect(atOnceOf(version({}), undefined, 3)).toEqual({ concurrency: 1, limit: undefined });
    expect(atOnceOf(version({ limits, concurrency: 4 }), undefined, 3)).toEqual({
      concurrency: 4,
      limit: { events: 2, nodes: 3 },
    });
  });

  it('counts a pack as its events where an instance is given them together, as the concurrency does', () => {
    const batched = version({ limits, batch: { size: 256, waitMs: 0 } });
    const { concurrency, limit } = atOnceOf(batched, { messageEvents: 256 }, 1);
    expect(Math.ceil((limit?.events ?? 0) / concurrency)).toBe(2);
    expect(atOnceOf(version({ limits }), { messageEvents: 256 }, 1).limit?.events).toBe(2);
  });

  it('lets a node have as many instances as have work there, and as many as asked for where that is more', () => {
    const seen = { concurrency: 2, limit: { events: 4, nodes: 2 } };
    expect(nodeMost({ concurrency: 2, limit: undefined }, { wanted: 9, min: 0 })).toBeUndefined();
    expect(nodeMost(seen, { wanted: 4, min: 0 })).toBe(2);
    expect(nodeMost(seen, { wanted: 4, min: 3 })).toBe(3);
    expect(nodeMost(seen, { wanted: 5, min: 0 })).toBeUndefined();
  });
});

describe('judgeNodes()', () => {
  const doing = (running: number) => [{ node: 'n1', told: true, wanted: 4, running }];

  it('distrusts for a while a node that was told and does nothing for long, and trusts one that is only slow', () => {
    let trust: TrustMemory = new Map();
    for (let now = 0; now <= 9_000; now += 1_000) trust = judgeNodes(trust, now, doing(3));
    trust = judgeNodes(trust, 10_000, doing(4));
    for (let now = 11_000; now <= 20_000; now += 1_000) trust = judgeNodes(trust, now, doing(0));
    expect(isTrusted(trust, 'n1', 20_000)).toBe(true);
    trust = judgeNodes(trust, 22_000, doing(0));
    expect(isTrusted(trust, 'n1', 22_000)).toBe(false);
    expect(isTrusted(trust, 'n1', 52_000)).toBe(true);
  });

  it('forgets nodes that are gone', () => {
    expect(judgeNodes(judgeNodes(new Map(), 0, doing(0)), 1, []).size).toBe(0);
  });
});

describe('downstreamOf()', () => {
  it('follows outputs to the triggers that they match', () => {
    const spec = (name: string, on: string, output: string) =>
      FunctionSpec.fromPartial({ name, output, triggers: [{ name: 'on0', subject: on }] });
    const below = downstreamOf([
      spec('split', 'scan.*.frame', 'rows.{1}'),
      spec('recon', 'rows.*', 'slices.{1}'),
      spec('other', 'elsewhere.>', ''),
    ]);
    expect([...below]).toEqual([['split', ['recon']]]);
  });
});

describe('policyOf()', () => {
  const version = FunctionVersion.fromPartial({
    function: 'f',
    spec: { scale: { min: 1, max: 4, schedule: [{ cron: '0 8 * * *', forMs: 3_600_000, min: 6, max: 8 }] } },
  });
  const eight = Date.UTC(2026, 0, 5, 8, 30);
  const noon = Date.UTC(2026, 0, 5, 12);

  it("takes the manifest's bounds, the schedule's while it holds, and above both what was set by hand", () => {
    expect(policyOf(version, undefined, noon)).toMatchObject({ min: 1, max: 4, weight: 1 });
    expect(policyOf(version, undefined, eight)).toMatchObject({ min: 6, max: 8, boundsBy: 'the schedule' });
    const set = { max: 2, pausedIn: true, pausedOut: false };
    expect(policyOf(version, set, noon)).toMatchObject({
      min: 1,
      max: 2,
      boundsBy: '`scale set`',
      paused: { in: true },
    });
    expect(policyOf(version, set, eight)).toMatchObject({ min: 2, max: 2 });
    expect(policyOf(version, { min: 9, pausedIn: false, pausedOut: false }, noon)).toMatchObject({ min: 9, max: 9 });
  });
});

describe('DecisionLog', () => {
  it('keeps the last hundred of a function, and gives a watcher what it has not seen', () => {
    const log = new DecisionLog();
    for (let at = 0; at < 150; at++) log.add({ timeMs: at, function: 'f', from: at, to: at + 1, reason: `${at}` });
    expect(log.of('f')).toHaveLength(100);
    expect(log.of('f').at(-1)?.to).toBe(150);
    const first = log.since(0);
    expect(first.decisions).toHaveLength(150);
    log.add({ timeMs: 200, function: 'g', from: 0, to: 1, reason: 'new' });
    expect(log.since(first.seen).decisions.map(({ reason }) => reason)).toEqual(['new']);
    log.forget('f');
    expect(log.of('f')).toEqual([]);
  });

  it('takes what cannot be done for news once a minute, and what is different at once', () => {
    const log = new DecisionLog();
    const decided = (timeMs: number, from: number, to: number) => ({ timeMs, function: 'f', from, to, reason: '' });
    const said: number[] = [];
    for (let timeMs = 0; timeMs < 150_000; timeMs += 300) {
      const decision = decided(timeMs, 0, 2);
      if (!log.isNews(decision)) continue;
      log.add(decision);
      said.push(timeMs);
    }
    expect(said).toEqual([0, 60_000, 120_000]);
    expect(log.isNews(decided(150_000, 0, 3))).toBe(true);
    expect(log.isNews({ ...decided(150_000, 0, 2), function: 'g' })).toBe(true);
  });
});

it('restMs() follows the cost of a round, but changes are seen within 2 s on the slowest machine', () => {
  expect(restMs(0.5)).toBe(20);
  expect(restMs(20)).toBe(360);
  expect(restMs(5_000)).toBe(1_000);
});
