import { expect, it } from 'vitest';
import { nodeSilenceMs } from '#broker';
import { renewEveryMs } from '../../platform/agent/node/registration.ts';

it('a node says that it is there four times within its silence, and twice in a pilot so large that it reports seldom', () => {
  expect(nodeSilenceMs / renewEveryMs(0)).toBe(4);
  expect(nodeSilenceMs / renewEveryMs(500)).toBe(4);
  expect(nodeSilenceMs / renewEveryMs(3_000)).toBe(2);
  expect(nodeSilenceMs / renewEveryMs(60_000)).toBe(2);
});
