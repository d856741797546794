/** What a machine says of itself, read with care: other kernels say other things. */
import { describe, expect, it } from 'vitest';
import { NodeUsageMeter, parseCpuTimes, parseMemoryUse } from '../../platform/agent/node/node-usage.ts';
import { fc } from '../harness/properties.ts';

describe('parseCpuTimes()', () => {
  it('counts all but idle and waiting as busy, guests once', () => {
    expect(parseCpuTimes('cpu  100 20 30 700 50 5 5 90 40 0\ncpu0 1 2 3 4\n')).toEqual({ all: 1_000, busy: 250 });
  });
});

describe('parseMemoryUse()', () => {
  it('is what cannot be had', () => {
    expect(parseMemoryUse('MemTotal:        1000 kB\nMemFree:   10 kB\nMemAvailable:     250 kB\n')).toBe(0.75);
  });
});

it('anything else is nothing known', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseCpuTimes(text)).toBeUndefined();
      expect(parseMemoryUse(text)).toBe(0);
    }),
  );
});

it('this machine says something', () => {
  const meter = new NodeUsageMeter();
  const { cpu, memory } = meter.current();
  meter.close();
  expect(cpu).toBe(0);
  expect(memory).toBeGreaterThan(0);
});
