/** `pilotfish down`: ends pilots and leaves nothing of them, also when they are broken or half started. */
import type { Command } from 'commander';
import { errorCodes, formatDuration, nearestName, PlatformError } from '#common';
import type { PilotSummary } from '#pilot';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import { refuseVia } from '../connection.ts';
import { type CliContext, type ExitCode, partialExitCode } from '../context.ts';
import type { Output } from '../output/output.ts';

export interface DownFlags extends CommonOptions {
  readonly all?: boolean;
}

export const downCommand: CommandFactory = (context, report): Command =>
  newCommand({
    name: 'down',
    summary: 'end a pilot: its processes, its streams, its files',
    examples: ['pilotfish down', 'pilotfish down p-7k2m', 'pilotfish down --all'],
  })
    .argument('[id]', 'the pilot to end, where there are several')
    .addOption(flag('--all', 'end every pilot of this home'))
    .action(async (id: string | undefined, flags: DownFlags) => {
      report(
        await runDown(context, { ...flags, ...(id === undefined ? {} : { pilot: id }) }, outputOf(context, flags)),
      );
    });

/** Ends what is meant. With `--all` no pilot at all is fine, and each is tried; 9 when some could not be ended. */
export async function runDown(context: CliContext, flags: DownFlags, output: Output): Promise<ExitCode> {
  refuseVia(context, 'down');
  const { listPilots, resolveHome, resolvePilot } = await import('#pilot');
  const home = resolveHome(context.env);
  const pilots = listPilots(home);
  if (flags.all !== true) {
    if (isEnded(pilots, flags.pilot)) output.note('there is no such pilot: nothing to end');
    else await tell(output, [await endOne(context, resolvePilot(home, flags.pilot), output)]);
    return 0;
  }
  if (pilots.length === 0) output.note('there is no pilot: nothing to end');
  const outcomes = await Promise.allSettled(pilots.map((pilot) => endOne(context, pilot, output)));
  await tell(
    output,
    outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
  );
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [PlatformError.from(outcome.reason)] : [],
  );
  for (const { message, hint } of failures) output.note(`error: ${message}. ${hint}`);
  const [first] = failures;
  if (first === undefined) return 0;
  return failures.length < pilots.length ? partialExitCode : errorCodes[first.code].exit;
}

/** Ending twice is fine; a mistyped id is not. */
function isEnded(pilots: readonly PilotSummary[], id: string | undefined): boolean {
  if (id === undefined) return pilots.length === 0;
  const known = pilots.map(({ pilot }) => pilot);
  return !known.includes(id) && /^p-[a-z2-9]{4}$/.test(id) && nearestName(id, known) === undefined;
}

/** Nothing for people: notes have told each as it ended. */
async function tell(output: Output, ended: readonly string[]): Promise<void> {
  if (output.format === 'table' || output.format === 'wide') return;
  await output.bareList(ended, { name: String, plain: (pilot) => ({ pilot, change: 'ended' }) });
}

/** Returns its id. */
async function endOne(context: CliContext, { pilot, directory }: PilotSummary, output: Output): Promise<string> {
  const { endPilot } = await import('#pilot');
  const startedAt = performance.now();
  using _ = output.waiting(`ending ${pilot}`);
  await endPilot(directory, { hasten: context.signal });
  output.note(`pilot ${pilot} ended in ${formatDuration(performance.now() - startedAt)}`);
  return pilot;
}
