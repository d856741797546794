/** When a cron trigger fires: in its time zone, each time once, and what becomes of missed fires. */
import { describe, expect, it } from 'vitest';
import { CronFires } from '#routing';
import { fc } from '../harness/properties.ts';

const minute = 60_000;
const start = Date.UTC(2026, 10, 27, 4);
const cron = (schedule: string, missed = 'last', timezone = 'UTC') => new CronFires({ schedule, timezone, missed });

describe('CronFires', () => {
  it('fires in its time zone, also when the clocks change', () => {
    const nightly = cron('30 2 * * *', 'last', 'Europe/Berlin');
    // On 2026-03-29 there is no 02:30 in Berlin; on the days around it there is.
    const times = [];
    for (let at: number | undefined = Date.UTC(2026, 2, 27, 12); times.length < 3 && at; ) {
      at = nightly.next(at);
      if (at) times.push(new Date(at).toISOString().slice(0, 16));
    }
    expect(times[0]).toBe('2026-03-28T01:30');
    expect(times.at(-1)).toMatch(/^2026-03-(30|31)T00:30$/);
  });

  it('is due once its time has come, and not before', () => {
    const every = cron('* * * * *');
    expect(every.due(start, start + minute - 1).fires).toEqual([]);
    expect(every.due(start, start + minute)).toEqual({ fires: [start + minute], skipped: 0, doneTo: start + minute });
  });

  it.each([
    ['skip', [], 60],
    ['last', [start + 60 * minute], 59],
    ['all', Array.from({ length: 60 }, (_, at) => start + (at + 1) * minute), 0],
  ])('after an hour away, %s makes up for %s', (missed, fires, skipped) => {
    const due = cron('* * * * *', missed).due(start, start + 60 * minute + 45_000);
    expect(due).toEqual({ fires, skipped, doneTo: start + 60 * minute + 45_000 });
  });

  it('makes up for a bounded number, the newest ones', () => {
    const { fires, skipped } = cron('* * * * * *', 'all').due(start, start + 3_600_000);
    expect(fires).toHaveLength(1_000);
    expect(fires.at(-1)).toBe(start + 3_600_000);
    expect(fires[0]).toBe(start + 3_600_000 - 999_000);
    expect(skipped).toBeGreaterThan(0);
  });

  it('decides each fire once, however often and however unevenly it is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 25_000 }), { maxLength: 60 }), (steps) => {
        const every = cron('*/10 * * * * *', 'skip');
        const fired: number[] = [];
        let doneTo = start;
        let now = start;
        for (const step of steps) {
          now += step;
          const due = every.due(doneTo, now);
          fired.push(...due.fires);
          doneTo = due.doneTo;
        }
        const expected = [];
        for (let at = start + 10_000; at <= now; at += 10_000) expected.push(at);
        expect(fired).toEqual(expected);
      }),
    );
  });
});
