import { expect, it } from 'vitest';
import { breaksOf, growthText, type ScaleRow } from '../bench/scale/growth.ts';

const row = (agents: number, more: Partial<ScaleRow>): ScaleRow => ({
  agents,
  instances: agents * 16,
  appliedMs: 100,
  appliedMsMax: 100,
  roundMs: 10,
  roundMsMax: 10,
  gatewayCpuPercent: 5,
  gatewayMiB: 150,
  brokerCpuPercent: 3,
  reconnectMs: 1_000,
  ...more,
});

it('says what breaks next: along a straight line from the last two sizes, or between two where it was seen', () => {
  const small = row(100, {});
  const large = row(1_000, { gatewayMiB: 450, reconnectMs: 6_000 });
  const next = breaksOf([small, large]);
  expect(next.map(({ what }) => what).slice(0, 2)).toEqual(['the gateway in 600 MiB', 'all back 10 s after a restart']);
  expect(next[0]).toMatchObject({ agents: 1_450, seen: false });
  expect(next.at(-1)?.agents).toBe(Number.POSITIVE_INFINITY);

  const beyond = breaksOf([small, large, row(2_000, { gatewayMiB: 500, reconnectMs: 14_000 })]);
  expect(beyond[0]).toEqual({ what: 'all back 10 s after a restart', agents: 1_500, seen: true });
  expect(growthText([small, large])).toContain('the gateway in 600 MiB: at 1,450 agents, going on in a straight line');
});
