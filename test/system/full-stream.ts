/** Shared by the short and the long form: a full stream refuses its publishers, who wait and lose nothing (R8). */
import { expect } from 'vitest';
import type { EventClient } from '#client';
import { systemClock } from '#common';
import { eventually } from '../harness/eventually.ts';
import type { FunctionFolder } from '../harness/functions.ts';
import type { TestPilot } from '../harness/pilot.ts';

/** 48 MiB, where sources may fill 27 of the 64 MiB of a store (topology.ts): twice what fits at once, and no more. */
export const count = 192;
const payload = Buffer.alloc(256 * 2 ** 10, 7);
/** Twice as long as a held source waits before it looks again. */
const quietMs = 500;

export interface FullStream {
  /** Resolves when every event is stored. */
  readonly publishing: Promise<void>;
  /** Stored when the stream was full. */
  readonly stored: number;
}

/** Publishes more than fits and returns once the source is held back; then a function is deployed that takes what is there. */
export async function fillAndDeploy(
  pilot: TestPilot,
  source: EventClient,
  functions: FunctionFolder,
): Promise<FullStream> {
  const publishing = (async () => {
    for (let n = 0; n < count; n++) await source.publish(`fill.${n}`, payload, { id: `fill-${n}` });
    await source.flush();
  })();
  // It ends with the source where the test does not wait for it.
  publishing.catch(() => undefined);
  // It stops before the stream is full: the last tenth belongs to functions.
  const stored = await eventually(() => stoppedAt(source), { timeoutMs: 20_000, what: 'the source is held back' });
  expect(stored).toBeGreaterThan(100);
  expect(stored).toBeLessThan(count);
  const handler = '(event) => { if (event.data.length !== 262144) throw new Error("cut short"); }';
  await functions.deploy(pilot, 'fill', handler, ['on: [{ subject: "fill.*" }]']);
  await handled(pilot, stored);
  return { publishing, stored };
}

/** Events stored once the source has been held back for a while; undefined as long as it still stores some. */
async function stoppedAt(source: EventClient): Promise<number | undefined> {
  const { acked, sent } = source.counts;
  await systemClock.sleep(quietMs);
  return sent === acked && source.counts.acked === acked && source.counts.held > 0 ? acked : undefined;
}

/** Resolves when the function has handled so many events and has nothing left to do. */
export async function handled(pilot: TestPilot, least: number, timeoutMs = 60_000): Promise<void> {
  await eventually(
    async () => {
      const { summary } = await pilot.client.get('fill');
      return summary?.lag === 0 && summary.handled >= least && summary.failed === 0;
    },
    { timeoutMs, what: `${least} events are handled` },
  );
}
