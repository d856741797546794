/** How the instances of a node come to their end within a grace time: asked by `ctx.signal` first, ended by force at last. */
import type { Clock } from '#common';
import type { Instance } from './instance.ts';

/** Of the grace time, how much is left to handlers that listen to `ctx.signal` once it aborts. */
const noticeShare = 0.4;
/** SIGKILL works within milliseconds; a node that swaps takes longer. */
const killWaitMs = 2_000;

/** `running` is the agent's own, from which instances go as they end. Returns how many had to be ended by force. */
export async function endInstances(
  running: ReadonlyMap<string, { readonly instance: Instance }>,
  graceMs: number,
  clock: Clock,
): Promise<number> {
  const untilEmpty = async (timeoutMs: number) => {
    const deadline = clock.monotonic() + timeoutMs;
    while (running.size > 0 && clock.monotonic() < deadline) await clock.sleep(20);
  };
  await untilEmpty(graceMs * (1 - noticeShare));
  for (const { instance } of running.values()) instance.interrupt();
  await untilEmpty(graceMs * noticeShare);
  const killed = running.size;
  for (const { instance } of running.values()) instance.end('its grace time was over');
  await untilEmpty(killWaitMs);
  return killed;
}
