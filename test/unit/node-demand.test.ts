import { describe, expect, it } from 'vitest';
import { decideNodes, type NodeJob, type NodePolicy, type NodeSnapshot } from '#placement';
import { fc } from '../harness/properties.ts';

const home: NodeJob = {
  id: 'first',
  nodes: 2,
  state: 'running',
  idleSince: undefined,
  isHome: true,
  remainingMs: 3_600_000,
};
const extra: NodeJob = { ...home, id: 'extra', isHome: false };
const policy: NodePolicy = {
  nodesMin: 2,
  nodesMax: 8,
  nodeHoursMax: undefined,
  keepAliveMs: 60_000,
  patienceMs: 5_000,
  walltimeMs: 3_600_000,
};
const snapshot: NodeSnapshot = {
  now: 100_000,
  jobs: [home],
  slotsPerNode: 16,
  unplacedSlots: 40,
  drainMs: 600_000,
  queueWaitMs: 120_000,
  nodeHours: 1,
};
const short = { shortSince: 90_000 };

describe('decideNodes()', () => {
  it('asks for what is short, once it has been short for a while, and says why', () => {
    expect(decideNodes(snapshot, policy, { shortSince: undefined }).action).toEqual({ kind: 'hold' });
    const { action, reason } = decideNodes(snapshot, policy, short);
    expect(action).toEqual({ kind: 'ask', nodes: 3 });
    expect(reason).toBe('40 slots short for 10 s, 16 a node, queue wait 120 s -> ask for 3');
    const unknown = decideNodes({ ...snapshot, queueWaitMs: undefined }, policy, short);
    expect(unknown.reason).toContain('queue wait unknown');
  });

  it('counts what is in the queue, the most nodes, and the budget', () => {
    const queued: NodeJob = { ...extra, state: 'waiting', nodes: 2, remainingMs: undefined };
    expect(decideNodes({ ...snapshot, jobs: [home, queued] }, policy, short).action).toEqual({ kind: 'ask', nodes: 1 });
    expect(decideNodes(snapshot, { ...policy, nodesMax: 3 }, short).action).toEqual({ kind: 'ask', nodes: 1 });
    // One node-hour is spent, the first job's two nodes cost two more, so one more node for an hour.
    expect(decideNodes(snapshot, { ...policy, nodeHoursMax: 4.5 }, short).action).toEqual({ kind: 'ask', nodes: 1 });
    expect(decideNodes(snapshot, { ...policy, nodeHoursMax: 3 }, short).reason).toContain('budget of 3 node-hours');
  });

  it('asks for nothing that would come too late', () => {
    const soon = decideNodes({ ...snapshot, drainMs: 30_000 }, policy, short);
    expect(soon).toMatchObject({
      action: { kind: 'hold' },
      reason: '40 slots short; done in 30 s, the queue takes 120 s',
    });
  });

  it('gives back whole jobs that have been idle for the keep-alive, and never the first one', () => {
    const idle = { ...snapshot, unplacedSlots: 0 };
    const of = (idleSince: number | undefined) =>
      decideNodes(
        {
          ...idle,
          jobs: [
            { ...home, idleSince: 0 },
            { ...extra, idleSince },
          ],
        },
        policy,
        short,
      ).action;
    expect(of(undefined)).toEqual({ kind: 'hold' });
    expect(of(50_000)).toEqual({ kind: 'hold' });
    expect(of(40_000)).toEqual({ kind: 'give-back', jobs: ['extra'] });
  });

  it('never goes above or below its bounds, whatever it is told', () => {
    const job = fc.record({
      id: fc.uuid(),
      nodes: fc.integer({ min: 1, max: 8 }),
      state: fc.constantFrom('waiting' as const, 'running' as const),
      idleSince: fc.option(fc.nat(100_000), { nil: undefined }),
      isHome: fc.boolean(),
      remainingMs: fc.option(fc.nat(3_600_000), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(job, { maxLength: 6 }),
        fc.nat(200),
        fc.integer({ min: 1, max: 20 }),
        (jobs, unplacedSlots, nodesMax) => {
          const all = jobs.reduce((sum, { nodes }) => sum + nodes, 0);
          const { action } = decideNodes({ ...snapshot, jobs, unplacedSlots }, { ...policy, nodesMax }, short);
          if (action.kind === 'ask') expect(all + action.nodes).toBeLessThanOrEqual(nodesMax);
          if (action.kind !== 'give-back') return;
          const given = jobs.filter(({ id }) => action.jobs.includes(id));
          expect(given.some(({ isHome }) => isHome)).toBe(false);
          expect(all - given.reduce((sum, { nodes }) => sum + nodes, 0)).toBeGreaterThanOrEqual(policy.nodesMin);
        },
      ),
    );
  });
});
