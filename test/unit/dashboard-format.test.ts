/** Times, reasons and counts on the dashboard's pages. */
import { expect, it } from 'vitest';
import { momentText, withoutResult } from '../../platform/dashboard/format.ts';
import { errorsLately, FunctionSeries } from '../../platform/dashboard/series.ts';

const now = new Date(2026, 10, 28, 0, 5, 7).getTime();

it('a moment of today is a time of day', () => {
  expect(momentText(now - 1_000, now)).toBe('00:05:06');
});

it('a moment of another day says which, also where it is minutes ago', () => {
  expect(momentText(now - 10 * 60_000, now)).toBe('27 Nov 23:55:07');
  expect(momentText(new Date(2025, 10, 28, 0, 5, 7).getTime(), now)).toBe('28 Nov 00:05:07');
});

it('a reason whose result is said already is said without it', () => {
  expect(withoutResult('nothing to do -> 0', 0)).toBe('nothing to do');
  expect(withoutResult('busy 80 % -> 5; its nodes are busy', 5)).toBe('busy 80 %; its nodes are busy');
  expect(withoutResult('lag 12, busy 70 % -> 3', 2)).toBe('lag 12, busy 70 % -> 3');
});

/** A sample each second; errors are counted from the start of the pilot. */
function watched(failed: readonly number[]) {
  const kept = new FunctionSeries();
  kept.begin({
    function: 'f',
    timeMs: failed.map((_, at) => now + 1_000 * at),
    handled: [],
    failed: [...failed],
    started: [],
    ratePerSecond: [],
    lag: [],
    wanted: [],
    ready: [],
    p50Ms: [],
    p99Ms: [],
  });
  return kept.series;
}

it('errors of the last minute are counted, not scaled up from a shorter time', () => {
  expect(errorsLately(watched([]))).toBe(0);
  expect(errorsLately(watched([7, 7, 9]))).toBe(2);
  // One a second for two minutes.
  expect(errorsLately(watched(Array.from({ length: 121 }, (_, at) => at)))).toBe(60);
  // A node left and took its counters along.
  expect(errorsLately(watched([100, 101, 40, 42]))).toBe(3);
});
