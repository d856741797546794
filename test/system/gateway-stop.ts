/** Shared by the short and the long form: a gateway that hangs is not missed on the event path. */
import { expect } from 'vitest';
import { systemClock } from '#common';
import { eventually } from '../harness/eventually.ts';
import { stopProcesses } from '../harness/node-processes.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import type { TestPilot } from '../harness/pilot.ts';

const rate = 400;
/** Seconds of load before the stop, and after it. */
const aroundMs = 3_000;

/** Needs `echo` deployed with a fixed number of instances, so that whatever moves is the gateway's doing. */
export async function stopGatewayWhileEventsFlow(pilot: TestPilot, stopMs: number): Promise<void> {
  const count = (rate * (2 * aroundMs + stopMs)) / 1_000;
  const before = await pilot.client.get('echo');
  const run = await publishNumbered(pilot, `stop${stopMs}`, count, rate);
  const gateway = pilot.pid('n1', 'gateway');
  try {
    await eventually(() => run.results.size > 0, { timeoutMs: 10_000, what: 'the first result' });
    const loadedFrom = performance.now();
    await systemClock.sleep(aroundMs);
    const stoppedAt = performance.now();
    const wake = stopProcesses([gateway]);
    try {
      await systemClock.sleep(stopMs);
    } finally {
      wake();
    }
    const wokenAt = performance.now();
    await run.finished(60_000);
    const perSecond = (from: number, to: number) =>
      (run.times.filter((time) => time >= from && time < to).length * 1_000) / (to - from);
    // More than the source sends was only what had waited for the first instance.
    const loaded = Math.min(rate, perSecond(loadedFrom, stoppedAt));
    expect(perSecond(stoppedAt, wokenAt)).toBeGreaterThanOrEqual(0.9 * loaded);
    expect(wrongCounts(run, count)).toEqual([]);
    expect(pilot.pid('n1', 'gateway')).toBe(gateway);
    const after = await pilot.client.get('echo');
    const identity = ({ instances }: typeof after) =>
      instances.map(({ id, pid, startedAtMs }) => `${id} ${pid} ${startedAtMs}`).sort();
    expect(identity(after)).toEqual(identity(before));
    expect(after.versions).toEqual(before.versions);
    expect((await pilot.client.nodes()).map(({ state }) => state)).toEqual(['ready', 'ready']);
  } finally {
    await run.close();
  }
}

/** `echo` that stays at two instances, one a node. */
export const steadyEcho = [
  'on: [{ subject: "numbers.*" }]',
  'output: "echoed.{1}"',
  'scale: { min: 2, max: 2 }',
] as const;
