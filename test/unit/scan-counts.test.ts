/** What is counted by scan is bounded, and a look for idle names does not come with every event. */
import { expect, it } from 'vitest';
import { VersionScans } from '../../platform/agent/records/scan-counts.ts';

it('counts what has no room together, looks for idle names every ten seconds, and gives their room away', () => {
  let time = 0;
  const clock = { now: () => time, monotonic: () => time, sleep: () => Promise.resolve() };
  const scans = new VersionScans({ function: 'f', digest: 'd', spec: undefined }, clock);
  const add = (scan: string) => scans.add(scan, 1, true, 1);
  const names = () => scans.since(0).map(({ scan }) => scan);
  for (let number = 0; number < 600; number++) add(`scan-${number}`);
  expect(names()).toHaveLength(513);
  expect(scans.since(0).find(({ scan }) => scan === '')?.events).toBe(600 - 512);
  // Nobody is idle for ten minutes yet.
  time = 599_000;
  add('early');
  // They are now, but a look was a moment ago.
  time = 601_000;
  add('soon');
  expect(names()).toHaveLength(513);
  time = 610_000;
  add('late');
  expect(names().sort()).toEqual(['', 'late']);
});
