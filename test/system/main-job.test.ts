/** The main job's parts on a real pilot: gridrec's values, and the rate of the source. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phantomScan } from '../../functions/sources/index.ts';
import { describeCompat } from '../harness/compat-through-pilot.ts';
import { replayInto } from '../harness/main-job.ts';
import { TestPilot } from '../harness/pilot.ts';

describeCompat(['shepp']);

describe('the source', () => {
  let pilot: TestPilot;
  beforeAll(async () => {
    pilot = await TestPilot.start();
  });
  afterAll(async () => {
    await pilot?.[Symbol.asyncDispose]();
  });

  // A machine that is busy for 60 ms at the wrong moment fails it once, a pacer that drifts fails it always: so twice again.
  it('holds 100 frames a second within 2 %, by the times of the stream', { retry: 2, timeout: 30_000 }, async ({
    task,
  }) => {
    const run = `rate${task.result?.retryCount ?? 0}`;
    const scans = ['a', 'b'].map((name, seed) =>
      phantomScan({ scan: `${run}-${name}`, rows: 1, columns: 32, angles: 140, seed, darks: 5, flats: 5 }),
    );
    const { frames } = await replayInto(pilot, scans, 100, (scan) => `paced.${run}.${scan}`);
    expect(frames).toBe(300);
    await using viewer = await pilot.events('viewer');
    const times: number[] = [];
    for await (const { time } of await viewer.read(`paced.${run}.*`, {
      from: 'all',
      signal: AbortSignal.timeout(10_000),
    })) {
      times.push(time.getTime());
      // Two end markers are paced like frames.
      if (times.length === frames + 2) break;
    }
    const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
    expect(times).toHaveLength(frames + 2);
    expect((times.length - 1) / seconds).toBeGreaterThan(98);
    expect((times.length - 1) / seconds).toBeLessThan(102);
  });
});
