/** Times as people read them. */
import { expect, it } from 'vitest';
import { formatCount, formatDuration, formatTimes, parseDurationMs } from '#common';
import { fc } from '../harness/properties.ts';

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];

it.each([
  [3, '3.0 ms'],
  [340, '340 ms'],
  [1.5 * second, '1.5 s'],
  [5 * minute + 12 * second, '5m12s'],
  // Rounded up as a whole: there is no "479m60s".
  [2 * minute - 400, '2m0s'],
  [8 * hour - 1, '8h'],
  [8 * hour + 5 * minute, '8h5m'],
  [30 * day, '30d'],
  [52 * hour, '2d4h'],
])('%d ms is shown as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it('is near what is meant, and can be read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: minute, max: 60 * day }), (ms) => {
      const back = parseDurationMs(formatDuration(ms));
      // Two units: half of the smaller one at most is lost.
      const lost = ms < hour ? second : ms < 48 * hour ? minute : hour;
      expect(Math.abs(back - ms)).toBeLessThanOrEqual(lost);
    }),
  );
});

it('says once for one time', () => {
  expect([1, 2, 20].map(formatTimes)).toEqual(['once', '2 times', '20 times']);
});

it('counts one thing and several', () => {
  expect([0, 1, 2, 12_345].map((count) => formatCount(count, 'call'))).toEqual([
    '0 calls',
    '1 call',
    '2 calls',
    '12,345 calls',
  ]);
});
