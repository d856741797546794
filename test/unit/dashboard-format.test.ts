/** Times on the dashboard's pages. */
import { expect, it } from 'vitest';
import { momentText } from '../../platform/dashboard/format.ts';

const now = new Date(2026, 10, 28, 0, 5, 7).getTime();

it('a moment of today is a time of day', () => {
  expect(momentText(now - 1_000, now)).toBe('00:05:06');
});

it('a moment of another day says which, also where it is minutes ago', () => {
  expect(momentText(now - 10 * 60_000, now)).toBe('27 Nov 23:55:07');
  expect(momentText(new Date(2025, 10, 28, 0, 5, 7).getTime(), now)).toBe('28 Nov 00:05:07');
});
