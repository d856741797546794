/** What further nodes would be good for, which jobs are spare, and what they cost. */
import { describe, expect, it } from 'vitest';
import { hoursSpent, hoursUsed, type NodeUse } from '#pilot';
import { type PlacementDemand, type PlacementNode, place, shortSlots, spareJobs } from '#placement';
import { fc } from '../harness/properties.ts';

const node = (id: string, more: Partial<PlacementNode> = {}): PlacementNode => ({ id, slots: 4, ...more });
const demand = (id: string, wanted: number, more: Partial<PlacementDemand> = {}): PlacementDemand => ({
  id,
  wanted,
  needed: wanted,
  cpu: 1,
  weight: 1,
  guaranteed: 0,
  current: new Map(),
  ...more,
});
const round = (nodes: readonly PlacementNode[], demands: readonly PlacementDemand[]) => ({
  nodes,
  demands,
  unplaced: place(nodes, demands).unplaced,
});

describe('shortSlots()', () => {
  it('counts slots that a further node like those here would give', () => {
    expect(shortSlots(round([node('n1')], [demand('a', 7)]))).toEqual(new Map([['a', 3]]));
    expect(shortSlots(round([node('n1')], [demand('a', 3, { cpu: 2 })]))).toEqual(new Map([['a', 2]]));
    expect(shortSlots(round([node('n1')], [demand('a', 4)]))).toEqual(new Map());
  });

  it('counts nothing that no empty node could hold', () => {
    const short = (more: Partial<PlacementDemand>) =>
      shortSlots(round([node('n1', { memoryBytes: 8 })], [demand('a', 9, more)])).size;
    expect(short({})).toBe(1);
    expect(short({ cpu: 5 })).toBe(0);
    expect(short({ memoryBytes: 9 })).toBe(0);
    expect(short({ gpus: 1 })).toBe(0);
    expect(short({ labels: { disk: 'fast' } })).toBe(0);
  });

  it('counts what a new job would have time for, and not what it would not', () => {
    const ending = round([node('n1', { remainingMs: 10 })], [demand('a', 2, { needMs: 60_000 })]);
    expect(shortSlots(ending, 3_600_000)).toEqual(new Map([['a', 2]]));
    expect(shortSlots(ending, 30_000)).toEqual(new Map());
  });
});

describe('spareJobs()', () => {
  const jobs = [
    { id: 'b2', nodes: ['n2'] },
    { id: 'b3', nodes: ['n3'] },
  ];
  const nodes = [node('n1'), node('n2'), node('n3')];

  it('names the newest first, and only as many as can go together', () => {
    expect([...spareJobs(jobs, { nodes, demands: [demand('a', 4)] })]).toEqual(['b3', 'b2']);
    expect([...spareJobs(jobs, { nodes, demands: [demand('a', 5)] })]).toEqual(['b3']);
    expect([...spareJobs(jobs, { nodes, demands: [demand('a', 9)] })]).toEqual([]);
  });

  it('what is left holds all that is wanted, whatever that is', () => {
    const wants = fc.array(fc.record({ wanted: fc.nat(6), cpu: fc.integer({ min: 1, max: 4 }) }), { maxLength: 5 });
    fc.assert(
      fc.property(wants, (all) => {
        const demands = all.map(({ wanted, cpu }, at) => demand(`f${at}`, wanted, { cpu }));
        const spare = spareJobs(jobs, { nodes, demands });
        if (spare.size === 0) return;
        const gone = new Set(jobs.filter(({ id }) => spare.has(id)).flatMap((job) => job.nodes));
        expect(
          place(
            nodes.filter(({ id }) => !gone.has(id)),
            demands,
          ).unplaced.size,
        ).toBe(0);
      }),
    );
  });
});

describe('node-hours', () => {
  const hour = 3_600_000;
  const running: NodeUse = { nodes: 2, phase: 'running', startedAtMs: hour, endsAtMs: 3 * hour, walltimeMs: 2 * hour };

  it('of a job that runs count to its end as used, and to now as spent', () => {
    expect(hoursUsed([running], 2 * hour)).toBe(4);
    expect(hoursSpent([running], 2 * hour)).toBe(2);
  });

  it('of a job that waits count whole, and none is spent', () => {
    const waiting: NodeUse = { ...running, phase: 'queued', startedAtMs: undefined, endsAtMs: undefined };
    expect(hoursUsed([waiting], hour)).toBe(4);
    expect(hoursSpent([waiting], hour)).toBe(0);
  });

  it('of a job that was given back count to the end that was seen, else to its walltime', () => {
    expect(hoursUsed([{ ...running, phase: 'ended', endedAtMs: 1.5 * hour }], 9 * hour)).toBe(1);
    expect(hoursUsed([{ ...running, phase: 'ended' }], 9 * hour)).toBe(4);
  });

  it('spent are never more than used', () => {
    const ms = fc.option(fc.nat(9 * hour), { nil: undefined });
    const use = fc.record({
      nodes: fc.integer({ min: 1, max: 9 }),
      phase: fc.constantFrom('queued' as const, 'running' as const, 'ending' as const, 'ended' as const),
      startedAtMs: ms,
      endedAtMs: ms,
      endsAtMs: ms,
      walltimeMs: ms,
    });
    fc.assert(
      fc.property(fc.array(use), fc.nat(9 * hour), (uses, now) => {
        expect(hoursSpent(uses, now)).toBeLessThanOrEqual(hoursUsed(uses, now) + 1e-9);
      }),
    );
  });
});
