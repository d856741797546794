/** Waits until a function has nothing left to do. */
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';

/**
 * What the gateway tells of a function is up to a round old, and may be from before the events were published: its triggers
 * are read at the broker first. Behind them the rest (retries, order) is as the next round saw it.
 */
export async function untilIdle(pilot: TestPilot, name: string, timeoutMs = 30_000): Promise<void> {
  const taken = async () => (await pilot.client.triggers(name)).every(({ lag }) => lag <= 0);
  const done = async () => (await pilot.client.get(name)).summary?.lag === 0;
  await eventually(async () => (await taken()) && (await done()), {
    timeoutMs,
    what: `${name} has nothing left to do`,
  });
}
