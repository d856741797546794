/** Ends a pilot whose nodes belong to scheduler jobs: launchers are told by a file and drain; what does not end is cancelled. */
import { existsSync, rmSync } from 'node:fs';
import { type Clock, messageOf, PlatformError } from '#common';
import { writePrivate } from '#security';
import { pilotPaths } from '../files/home.ts';
import { listBlocks } from './blocks.ts';
import { type BlockState, readJobStates } from './job-states.ts';
import { schedulerOf } from './start-block.ts';

/** A launcher's own graces, after the second in which it sees the file. */
const graceMsDefault = 20_000;
/** Schedulers kill what ignores TERM after 30 s by default. */
const cancelledWaitMs = 90_000;
const pollMsMin = 200;
const pollMsMax = 2_000;

interface EndOptions {
  readonly graceMs?: number;
  readonly hasten?: AbortSignal;
}

/** No job and no file of the pilot is left. Throws `unavailable` where a scheduler does not answer: then nothing is removed. */
export async function endScheduledPilot(pilotDirectory: string, options: EndOptions, clock: Clock): Promise<void> {
  const paths = pilotPaths(pilotDirectory);
  if (!existsSync(pilotDirectory)) return;
  const told = tellToStop(paths.stop);
  await cancel(await living(pilotDirectory, told ? ['queued'] : ['queued', 'running']));
  const left = await waitForEnd(pilotDirectory, options.graceMs ?? graceMsDefault, clock, options.hasten);
  if (left.length > 0) {
    await cancel(left);
    const still = await waitForEnd(pilotDirectory, cancelledWaitMs, clock);
    if (still.length > 0) {
      const ids = still.map(({ block }) => block.job).join(', ');
      throw new PlatformError('timeout', `the jobs ${ids} have been cancelled and do not end`, {
        hint: "Run `pilotfish down` again later; their state is the scheduler's.",
      });
    }
  }
  removeFiles(pilotDirectory);
}

/** False where the directory takes nothing more: then the scheduler has to tell the launchers, who drain as long as it lets them. */
function tellToStop(file: string): boolean {
  try {
    writePrivate(file, '');
    return true;
  } catch {
    // Read-only, or full: `down` must work there all the more.
    return false;
  }
}

function removeFiles(pilotDirectory: string): void {
  try {
    // A launcher on another node may still write its last words.
    rmSync(pilotDirectory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  } catch (error) {
    throw new PlatformError(
      'unavailable',
      `no job of the pilot is left, but its files cannot be removed: ${messageOf(error)}`,
      {
        hint: `Once ${pilotDirectory} can be written again: \`pilotfish down\`.`,
        cause: error,
      },
    );
  }
}

async function waitForEnd(
  pilotDirectory: string,
  timeoutMs: number,
  clock: Clock,
  hasten?: AbortSignal,
): Promise<BlockState[]> {
  const deadline = clock.monotonic() + timeoutMs;
  for (let pauseMs = pollMsMin; ; pauseMs = Math.min(pollMsMax, pauseMs * 1.3)) {
    const left = await living(pilotDirectory, ['queued', 'running', 'ending']);
    const late = clock.monotonic() >= deadline || hasten?.aborted === true;
    if (left.length === 0 || late) return left;
    await clock.sleep(pauseMs);
  }
}

async function living(pilotDirectory: string, phases: readonly string[]): Promise<BlockState[]> {
  const states = await readJobStates(listBlocks(pilotDirectory));
  return states.filter(({ state }) => state !== undefined && phases.includes(state.phase));
}

async function cancel(states: readonly BlockState[]): Promise<void> {
  const outcomes = await Promise.allSettled(states.map(({ block }) => schedulerOf(block).cancel(block.job ?? '')));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) throw new PlatformError('unavailable', `a job could not be cancelled: ${messageOf(failure.reason)}`);
}
