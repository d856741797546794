import { expect, it } from 'vitest';
import { FewAtOnce } from '../../platform/gateway/nodes/few-at-once.ts';

it('lets 64 in, and the others in the order of their coming as places are given back, each once', async () => {
  const places = new FewAtOnce();
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const all = Array.from({ length: 200 }, async (_, number) => {
    const end = await places.begin();
    begun.push(number);
    ends.set(number, end);
  });
  await Promise.all(all.slice(0, 64));
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun.length).toBe(64);
  for (let number = 0; number < 136; number++) {
    ends.get(number)?.();
    // A place given back twice is one place.
    ends.get(number)?.();
    await all[64 + number];
    expect(begun.length).toBe(65 + number);
  }
  expect(begun).toEqual(Array.from({ length: 200 }, (_, number) => number));
  for (const end of ends.values()) end();
});
