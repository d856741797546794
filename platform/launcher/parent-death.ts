/** Children that end with their launcher, even when it is killed: the kernel signals them. */
import { spawnSync } from 'node:child_process';

const prefix = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;

/** What to put in front of a child's argv; empty where setpriv cannot do it (then EOF on fd 3 and `down` must). */
export function probeParentDeath(): readonly string[] {
  const probe = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore', timeout: 2_000 });
  return probe.status === 0 ? prefix : [];
}
