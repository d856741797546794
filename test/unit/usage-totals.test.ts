/** Accounting: nothing is counted twice or lost, whoever ends on the way; scans are bounded; CSV is safe to open. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '#common';
import { FunctionLoad, Node, type ReportResponse } from '#proto';
import { VersionScans } from '../../platform/agent/records/scan-counts.ts';
import { sums } from '../../platform/cli/functions/usage.ts';
import { ScanTotals } from '../../platform/gateway/metrics/scan-totals.ts';
import { UsageTotals } from '../../platform/gateway/metrics/usage-totals.ts';
import { fc } from '../harness/properties.ts';

const digest = 'd'.repeat(64);
const registry = { list: () => [{ name: 'f', versions: [{ number: 1, digest }] }] } as unknown as Parameters<
  UsageTotals['rows']
>[0];

const report = (handled: number): ReportResponse => ({
  node: Node.fromPartial({ id: 'n1', slots: 2 }),
  epoch: 1,
  generation: 1,
  loads: [
    FunctionLoad.fromPartial({
      function: 'f',
      digest,
      handled,
      counts: { slotSeconds: handled, busySeconds: handled / 2, durations: { counts: [handled], sumMs: handled } },
    }),
  ],
  userMetrics: [],
  scans: [],
});

describe('UsageTotals', () => {
  it('adds what agents count, once, over their ends and the ends of gateways that stored it', () => {
    const step = fc.constantFrom('count', 'report', 'agent ends', 'gateway ends');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let usage = new UsageTotals();
        let startedAt = 1;
        let ofAgent = 0;
        let counted = 0;
        const tell = () => usage.add([{ entry: { node: 'n1', startedAt }, report: report(ofAgent) }]);
        for (const what of steps) {
          if (what === 'count') {
            ofAgent++;
            counted++;
          } else if (what === 'report') tell();
          else if (what === 'agent ends') {
            tell();
            startedAt++;
            ofAgent = 0;
          } else {
            const left = JSON.parse(JSON.stringify(usage.stored(new Set([digest]))));
            usage = new UsageTotals();
            usage.restore(left);
          }
        }
        tell();
        const [row] = usage.rows(registry);
        expect(row).toMatchObject({ events: counted, slotSeconds: counted, nodeSeconds: counted / 2 });
        expect(usage.of(digest)?.buckets[0]).toBe(counted);
      }),
    );
  });
});

describe('scans', () => {
  const version = { function: 'f', digest, spec: undefined };

  it('are counted each, with what their handlers took', () => {
    const scans = new VersionScans(version, systemClock);
    scans.add('7', 1, true, 2_000);
    scans.add('7', 1, false, 1_000);
    scans.add('8', 64, true, 500);
    const totals = new ScanTotals();
    const told = scans.since(0);
    totals.add({ id: 'n1', slots: 2 }, told);
    // Told again, as to the next gateway: nothing is doubled.
    totals.add({ id: 'n1', slots: 2 }, told);
    expect(totals.rows(registry)).toEqual([
      expect.objectContaining({ scan: '7', version: 1, events: 1, failed: 1, busySeconds: 3, nodeSeconds: 1.5 }),
      expect.objectContaining({ scan: '8', events: 64, failed: 0, busySeconds: 0.5, nodeSeconds: 0.25 }),
    ]);
    const revision = scans.revision;
    scans.add('8', 1, true, 500);
    expect(scans.since(revision).map(({ scan }) => scan)).toEqual(['8']);
  });

  it('are bounded: of too many, the others are counted together, and none is lost', () => {
    const scans = new VersionScans(version, systemClock);
    for (let scan = 0; scan < 2_000; scan++) scans.add(`s${scan}`, 1, true, 1);
    const told = scans.since(0);
    expect(told.length).toBeLessThanOrEqual(513);
    expect(told.reduce((sum, { events }) => sum + events, 0)).toBe(2_000);
    expect(told.find(({ scan }) => scan === '')?.events).toBeGreaterThan(1_000);
  });
});

it('versions of a function add up', () => {
  const row = { digest: '', scan: '', failed: 1, nodeSeconds: 2, slotSeconds: 3, busySeconds: 4 };
  const rows = [
    { ...row, function: 'f', version: 1, events: 5 },
    { ...row, function: 'f', version: 2, events: 6 },
    { ...row, function: 'g', version: 1, events: 7 },
  ];
  expect(sums(rows)).toEqual([
    { function: 'f', events: 11, failed: 2, nodeSeconds: 4, slotSeconds: 6, busySeconds: 8 },
    { function: 'g', events: 7, failed: 1, nodeSeconds: 2, slotSeconds: 3, busySeconds: 4 },
  ]);
});
