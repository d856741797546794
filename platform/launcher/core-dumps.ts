/** Keys and events lie in the memory of a node's processes: one that crashes must not write them into a file. */
import { spawnSync } from 'node:child_process';
import type { Logger } from '#telemetry';

/** For this process and, since limits are inherited and the hard one goes down with it, for all that it starts. */
export function forbidCoreDumps(logger: Logger): void {
  const { status } = spawnSync('prlimit', ['--pid', String(process.pid), '--core=0:0'], { timeout: 5_000 });
  if (status !== 0)
    logger.warn('prlimit does not run here: whether a crash leaves a core dump is for the system to say');
}
