/** `pilotfish audit tail`: what was changed at the pilot, and what was refused. */
import type { Command } from 'commander';
import type { TailAuditResponse } from '#proto';
import { type CommandFactory, type CommonOptions, durationMs, flag, newCommand, outputOf } from '../command.ts';
import { followPilot } from '../follow-pilot.ts';
import { printableCell } from '../output/printable.ts';

interface TailFlags extends CommonOptions {
  readonly follow?: boolean;
  readonly since?: number;
}

export const auditTailCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'tail',
    summary: 'show changes and refusals: who, what, when, from where, outcome',
    examples: ['pilotfish audit tail', 'pilotfish audit tail -f', 'pilotfish audit tail --since 1h -o json'],
  })
    .addOption(flag('-f, --follow', 'go on as entries come'))
    .addOption(flag('--since <duration>', 'entries of this long; default all that are kept').argParser(durationMs))
    .action(async (flags: TailFlags) => {
      const output = outputOf(context, flags);
      const options = {
        follow: flags.follow === true,
        sinceMs: flags.since === undefined ? 0 : Math.max(0, Date.now() - flags.since),
        signal: context.signal,
      };
      let fromSequence = 0;
      const entries = followPilot(context, flags.pilot, (pilot) => pilot.access.audit({ ...options, fromSequence }));
      for await (const entry of entries) {
        fromSequence = entry.sequence + 1;
        output.entry(plain(entry), lineOf(entry));
      }
    });

function plain({ timeMs, ...rest }: TailAuditResponse): object {
  return { time: new Date(timeMs).toISOString(), ...rest };
}

function lineOf({ timeMs, who, role, from, what, about, outcome }: TailAuditResponse): string {
  return [new Date(timeMs).toISOString(), outcome, `${who} (${role})`, from, what, printableCell(about)]
    .join('  ')
    .trimEnd();
}
