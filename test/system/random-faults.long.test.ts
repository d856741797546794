/** Nothing is lost or doubled under two minutes of seeded random faults: on echo, and on the main job with its gathers. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#common';
import { phantomScan, replayScans } from '../../functions/sources/index.ts';
import { eventually } from '../harness/eventually.ts';
import { echoPath, publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';
import { inflictFaults } from '../harness/random-faults.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functionsPath = join(import.meta.dirname, '../../functions');
const rows = 8;

describe('under random faults', () => {
  it.each([7, 11])(
    'every numbered event has exactly one result (seed %i)',
    async (seed) => {
      const count = 24_000;
      await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
      expect((await pilot.cli(['deploy', echoPath])).code).toBe(0);
      const load = await publishNumbered(pilot, 'random', count, 400);
      const faults = await inflictFaults(pilot, { seed, functionNames: ['echo'] }, load.published);
      await load.finished(120_000);
      expect(wrongCounts(load, count), JSON.stringify(faults)).toEqual([]);
      await load.close();
    },
    400_000,
  );

  it('every slice of 30 scans comes exactly once and with the same bytes', async () => {
    const scans = 30;
    await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 3 });
    for (const name of ['split', 'gridrec'])
      expect((await pilot.cli(['deploy', join(functionsPath, name)])).code).toBe(0);
    const slices = await watchSlices(pilot);
    const faults = await inflictFaults(pilot, { seed: 5, functionNames: ['gridrec'] }, replayPhantoms(pilot, scans));
    await eventually(() => slices.seen.size === scans * rows, { timeoutMs: 120_000, what: 'every slice' });
    // A double would come with a redelivery: a lease and a restart later at the latest.
    for (const name of ['split', 'gridrec']) await untilIdle(pilot, name, 60_000);
    await slices.close();
    const doubled = [...slices.seen].filter(([, digests]) => digests.length > 1);
    expect(doubled, JSON.stringify(faults)).toEqual([]);
    // All scans are of one phantom, so a row has one picture.
    const pictures = new Map<string, Set<string>>();
    for (const [subject, [digest = '']] of slices.seen) {
      const row = subject.split('.')[2] ?? '';
      pictures.set(row, (pictures.get(row) ?? new Set()).add(digest));
    }
    expect([...pictures.values()].map((digests) => digests.size)).toEqual(Array.from({ length: rows }, () => 1));
  }, 400_000);
});

async function replayPhantoms(pilot: TestPilot, scans: number): Promise<void> {
  await using source = await pilot.events('source');
  const inputs = Array.from({ length: scans }, (_, index) =>
    phantomScan({ scan: String(index + 1), rows, columns: 64, angles: 60, seed: 1 }),
  );
  await replayScans(inputs, {
    rate: 40,
    clock: { now: () => performance.now(), sleep: (ms, signal) => systemClock.sleep(ms, signal) },
    subjectOf: (scan) => `scan.${scan}.frame`,
    publish: ({ subject, data, headers, id }) => source.publish(subject, data, { headers, id }),
  });
  await source.flush();
}

async function watchSlices(pilot: TestPilot): Promise<{ seen: Map<string, string[]>; close(): Promise<void> }> {
  const viewer = await pilot.events('viewer');
  const stop = new AbortController();
  const seen = new Map<string, string[]>();
  const events = await viewer.read('recon.*.*', { from: 'all', signal: stop.signal });
  const reading = (async () => {
    for await (const event of events) {
      const digest = createHash('sha256').update(event.data).digest('hex');
      seen.set(event.subject, [...(seen.get(event.subject) ?? []), digest]);
    }
  })();
  return {
    seen,
    async close() {
      stop.abort();
      await reading;
      await viewer.close();
    },
  };
}
