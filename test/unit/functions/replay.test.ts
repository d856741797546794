// Replaying scans: order within a scan, overlap of scans, ids and headers, the pace, and interruption. Time is made up.

import { describe, expect, it } from 'vitest';
import {
  type OutgoingFrame,
  type PacerClock,
  phantomScan,
  replayScans,
  type ScanSource,
} from '../../../functions/sources/index.ts';
import { fc } from '../../harness/properties.ts';

/** Time passes only by sleeping. */
function fakeClock(): PacerClock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    sleep: (ms: number) => {
      clock.time += ms;
      return Promise.resolve();
    },
  };
  return clock;
}

function scanOf(scan: string, angles: number): ScanSource {
  return phantomScan({ scan, rows: 1, columns: 8, angles, seed: 1, darks: 2, flats: 1 });
}

async function replay(scans: readonly ScanSource[], rate = 100) {
  const clock = fakeClock();
  const sent: (OutgoingFrame & { at: number })[] = [];
  const report = await replayScans(scans, {
    rate,
    clock,
    subjectOf: (scan) => `scan.${scan}.frame`,
    publish: (frame) => {
      sent.push({ ...frame, at: clock.time });
      return Promise.resolve();
    },
  });
  return { report, sent };
}

const idsOf = (scan: string, angles: number) =>
  [
    ...['dark.0', 'dark.1', 'flat.0'],
    ...Array.from({ length: angles }, (_, index) => `projection.${index}`),
    'end',
  ].map((part) => `${scan}.${part}`);

describe('replayScans()', () => {
  it('sends every frame of every scan once, each scan in order, with the same ids at every replay', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }), async (angles) => {
        const scans = angles.map((count, at) => scanOf(`s${at}`, count));
        const { sent, report } = await replay(scans);
        for (const [at, count] of angles.entries()) {
          const own = sent.filter(({ subject }) => subject === `scan.s${at}.frame`);
          expect(own.map(({ id }) => id)).toEqual(idsOf(`s${at}`, count));
        }
        expect(report.frames).toBe(sent.length - scans.length);
        expect((await replay(scans)).sent).toEqual(sent);
      }),
      { numRuns: 30 },
    ));

  it('overlaps scans: the next begins when the one before is a quarter through, and ends after it', async () => {
    const { sent } = await replay([scanOf('a', 37), scanOf('b', 37), scanOf('c', 37)]);
    const position = (id: string) => sent.findIndex((frame) => frame.id === id);
    // 40 frames a scan: after a quarter of them the two take turns, the older one first.
    expect(position('b.dark.0')).toBe(11);
    expect(position('c.dark.0')).toBeLessThan(position('a.end'));
    expect(position('a.end')).toBeLessThan(position('b.end'));
    expect(position('b.end')).toBeLessThan(position('c.end'));
  });

  it('carries the headers of its frames, and the counts at the end', async () => {
    const { sent } = await replay([scanOf('a', 2)]);
    expect(sent.map(({ headers }) => headers['Pilotfish-Part'])).toEqual([
      'dark:0',
      'dark:1',
      'flat:0',
      'projection:0',
      'projection:1',
      'end',
    ]);
    expect(sent.at(-1)).toMatchObject({
      headers: { 'Pilotfish-Expect': 'dark=2,flat=1,projection=2' },
      data: new Uint8Array(0),
    });
    expect(sent[3]?.data).toHaveLength(16);
  });

  it('keeps the rate over all scans together', async () => {
    const { sent, report } = await replay([scanOf('a', 36), scanOf('b', 36)], 50);
    expect(sent.map(({ at }) => at)).toEqual(sent.map((_, n) => expect.closeTo(n * 20, 6)));
    expect(report).toMatchObject({ frames: 78, seconds: expect.closeTo(79 / 50, 6), slippedMs: 0 });
  });

  it('waits for a stream that takes no more, and says how far it fell behind', async () => {
    const clock = fakeClock();
    let sent = 0;
    const report = await replayScans([scanOf('a', 7)], {
      rate: 10,
      clock,
      subjectOf: String,
      publish: async () => {
        if (++sent === 3) await clock.sleep(5_000);
      },
    });
    expect(sent).toBe(11);
    // 5 s late: 0.1 s were due anyway, 1 s may be caught up.
    expect(report.slippedMs).toBeCloseTo(3_900, 6);
  });

  it('ends when it is interrupted, with the reason', async () => {
    const clock = fakeClock();
    const controller = new AbortController();
    let sent = 0;
    const replayed = replayScans([scanOf('a', 7)], {
      rate: 10,
      clock,
      signal: controller.signal,
      subjectOf: String,
      publish: async () => {
        if (++sent === 4) controller.abort(new Error('enough'));
      },
    });
    await expect(replayed).rejects.toThrow('enough');
    expect(sent).toBe(4);
  });
});
