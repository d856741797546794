/** The agent process. */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runAgent } from '#agent';
import { probeIsolation } from '#isolation';
import { agentConfigSchema, openLauncherLink } from '#model';
import { readConfig, runProcess } from './process.ts';

/** Running calls may end within this long after SIGTERM; then their events are given back. */
const drainGraceMs = 2_000;

// Payloads lie outside V8's heap, and by default each 64 MB of them bring a collection of the whole of it: a third of what a pack
// costs. Counted with the heap they bring one when both have doubled, which bounds them just as well. A V8 without these ignores them.
setFlagsFromString('--external-memory-accounted-in-global-limit');
setFlagsFromString('--heap-growing-percent=100');

await runProcess('agent', async (stop, stopped) => {
  const link = openLauncherLink(() => stop('its launcher is gone'));
  const isolation = probeIsolation(join(import.meta.dirname, 'confine.pl'));
  const config = await readConfig(agentConfigSchema, stopped);
  const agent = await runAgent({
    config,
    spawnerScript: join(import.meta.dirname, 'spawner.mjs'),
    hostScript: join(import.meta.dirname, 'instance.cjs'),
    isolation,
    tracingScript: join(import.meta.dirname, 'tracing.mjs'),
    nodeBinary: process.execPath,
    environment: process.env,
    toLauncher: link.send,
  });
  link.send({ ready: { address: agent.address } });
  return () => agent.close(drainGraceMs);
});
