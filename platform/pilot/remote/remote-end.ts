/**
 * When and why a pilot ended whose files lie on another machine: those that tell it are copied from there, and the schedulers
 * are asked there. A colleague who has no more than a connection file asks the scheduler about the job that it names.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PlatformError } from '#common';
import type { Connection } from '#model';
import { readJobStates } from '../jobs/job-states.ts';
import { describeEnd, pilotEnded } from '../jobs/pilot-end.ts';
import { resolvePilot } from '../list-pilots.ts';
import { isScheduled } from '../resource.ts';
import { jobGone, parseResource, type RunCommand, runHere, runThroughSsh, schedulerFor } from '../scheduler/index.ts';
import type { Via } from './remote-pilot.ts';

/** Prints names and contents, parted by a form feed, which none of them holds. As `resolveHome` finds homes. */
const printFiles = `
cd "\${1:-\${PILOTFISH_HOME:-\${XDG_STATE_HOME:-$HOME/.local/state}/pilotfish}}" || exit 0
for file in pilots/*/pilot.json pilots/*/nodes/*/end.json pilots/*/blocks/*/block.json pilots/*/blocks/*/job \\
  pilots/*/blocks/*/own-job pilots/*/blocks/*/started pilots/*/blocks/*/ended pilots/*/blocks/*/stop; do
  if [ -f "$file" ]; then echo "$file"; cat "$file"; printf '\\f'; fi
done`;

/** Undefined where it has not ended, as far as can be told from here. Throws as `resolvePilot` does. */
export async function describeRemoteEnd(
  { host, home }: Via,
  wanted: string | undefined,
  here: RunCommand = runHere,
): Promise<PlatformError | undefined> {
  const there = runThroughSsh(host, here);
  const { stdout } = await there(['/bin/sh', '-c', printFiles, 'sh', home ?? '']);
  const copy = mkdtempSync(join(tmpdir(), 'pilotfish-end-'));
  try {
    for (const part of stdout.split('\f')) keepFile(copy, part);
    const pilot = resolvePilot(copy, wanted);
    // Which processes live on another machine, its files do not tell.
    if (!isScheduled(pilot.resource)) return undefined;
    const open = (resource: string) => schedulerFor(parseResource(resource), there);
    return await describeEnd(pilot, (blocks) => readJobStates(blocks, open));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** "name\ncontents"; nothing is written beside the copy, whatever the other machine says. */
function keepFile(copy: string, part: string): void {
  const [, name, contents = ''] = /^(pilots(?:\/[\w-][\w.-]*)+)\n(.*)$/s.exec(part) ?? [];
  if (name === undefined) return;
  mkdirSync(join(copy, dirname(name)), { recursive: true });
  writeFileSync(join(copy, name), contents, { mode: 0o600 });
}

/** The same for whoever may see no file of the pilot; undefined also where the scheduler does not answer here. */
export async function describeJobEnd(
  { pilot, job }: Connection,
  open = (resource: string) => schedulerFor(parseResource(resource)),
): Promise<PlatformError | undefined> {
  if (job === undefined) return undefined;
  const states = await open(job.resource)
    .states([job.id])
    .catch(() => undefined);
  const state = states?.get(job.id);
  if (state?.phase !== 'ended') return undefined;
  const hint = 'A pilot that was renewed goes on in another job: ask its owner for a new connection file.';
  // Some sites show nobody's jobs but one's own.
  if (state.word === jobGone) {
    const what = `pilot ${pilot} does not answer, and ${job.resource} does not know its job ${job.id} here (any more)`;
    return new PlatformError('unavailable', what, { hint });
  }
  return pilotEnded(pilot, state.endAtMs, `its job ${job.id} is ${state.word.toLowerCase()}`, { hint });
}
