/** A SlotMap is held against a Map, step by step, and keeps nothing of what has gone. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { expect, test } from 'vitest';
import { SlotMap } from '#common';
import { fc } from '../harness/properties.ts';

const key = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  // Of one place, and past 32 bits: sequences of a stream.
  fc.integer({ min: 0, max: 9 }).map((number) => number * 2 ** 32),
  fc.integer({ min: 0, max: 9 }).map((number) => `7-${number}`),
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant('set' as const), key }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('clear' as const), key }) },
);

test('it says what a Map says, in the same order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const ours = new SlotMap<number | string, { readonly at: number }>();
      const map = new Map<number | string, { readonly at: number }>();
      for (const [at, { does, key }] of steps.entries()) {
        if (does === 'set') {
          ours.set(key, { at });
          map.set(key, { at });
        } else if (does === 'delete') {
          expect(ours.delete(key)).toEqual(map.get(key));
          map.delete(key);
        } else {
          ours.clear();
          map.clear();
        }
        expect(ours.size).toBe(map.size);
        expect(ours.get(key)).toEqual(map.get(key));
      }
      expect(ours.entries()).toEqual([...map]);
      expect(ours.keys()).toEqual([...map.keys()]);
      expect(ours.values()).toEqual([...map.values()]);
    }),
  );
});

test('ten thousand at once, taken out from both ends', () => {
  const ours = new SlotMap<number, { readonly number: number }>();
  for (let number = 0; number < 10_000; number++) ours.set(number, { number });
  for (let number = 0; number < 4_000; number++) ours.delete(number);
  for (let number = 9_999; number > 6_000; number--) ours.delete(number);
  expect(ours.size).toBe(2_001);
  expect([ours.get(3_999), ours.get(4_000)?.number, ours.get(6_000)?.number, ours.get(6_001)]).toEqual([
    undefined,
    4_000,
    6_000,
    undefined,
  ]);
  expect(ours.values().map(({ number }) => number)).toEqual(Array.from({ length: 2_001 }, (_, at) => 4_000 + at));
});

test('an entry that has gone is free at the next collection of young objects, however old the map is', () => {
  setFlagsFromString('--expose-gc');
  const collectYoung = runInNewContext('() => { for (let round = 0; round < 3; round++) gc({ type: "minor" }); }');
  const ours = new SlotMap<number, readonly number[]>();
  // It is old when it has outlived two collections.
  for (let number = 0; number < held; number++) ours.set(number, kilobyte());
  collectYoung();
  const before = getHeapStatistics().used_heap_size;
  for (let number = held; number < 40_000; number++) {
    ours.set(number, kilobyte());
    ours.delete(number - held);
  }
  collectYoung();
  // With a Map half of the 40 megabytes and more were there still.
  expect(getHeapStatistics().used_heap_size - before).toBeLessThan(4 * 2 ** 20);
});

const held = 1_000;

function kilobyte(): readonly number[] {
  return new Array<number>(128).fill(0.5);
}
