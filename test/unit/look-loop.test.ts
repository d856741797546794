import { expect, it } from 'vitest';
import type { Logger } from '#telemetry';
import { LookLoop } from '../../platform/gateway/look-loop.ts';

it('a look that fails is told and followed by others; close() waits for the one under way, and none comes after', async () => {
  const told: unknown[] = [];
  const pauses: number[] = [];
  const logger = { warn: (...words: unknown[]) => told.push(words) } as unknown as Logger;
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async (ms: number) => {
      pauses.push(ms);
    },
  };
  const third = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let looks = 0;
  const loop = new LookLoop({
    look: async () => {
      looks += 1;
      if (looks === 1) throw new Error('away');
      if (looks < 3) return;
      reached.resolve();
      await third.promise;
    },
    failure: 'cannot look',
    afterFailureMs: 5_000,
    clock,
    logger,
  });
  await reached.promise;
  const closed = loop.close();
  third.resolve();
  await closed;
  expect(looks).toBe(3);
  expect(told).toEqual([[{ error: 'away' }, 'cannot look']]);
  expect(pauses.slice(0, 2)).toEqual([6_000, 1_000]);
});
