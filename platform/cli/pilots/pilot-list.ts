/** `pilotfish pilot list`: the pilots of this home and the state they are truly in. */
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { messageOf } from '#common';
import type { PilotSummary } from '#pilot';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { ageText, type ListView } from '../output/output.ts';

export const pilotListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'list your pilots and their states',
    examples: ['pilotfish pilot list', 'pilotfish pilot list -o json'],
    pilot: false,
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const { listPilots, refreshPilots, resolveHome } = await import('#pilot');
      const output = outputOf(context, options);
      const home = resolveHome(context.env);
      const pilots = await refreshPilots(listPilots(home), (why) => output.note(why));
      if (pilots.length > 0) noteReadOnly(home, (why) => output.note(why));
      await output.list(pilots, pilotsView);
    });

/** Jobs run on above a file system that takes nothing more, and their servers cannot. Tried: a failed ext4 says that it can be written. */
function noteReadOnly(home: string, note: (why: string) => void): void {
  try {
    rmdirSync(mkdtempSync(join(home, '.try-')));
  } catch (error) {
    note(`pilots can store nothing, nor start anything again: ${messageOf(error)}`);
  }
}

const pilotsView: ListView<PilotSummary> = {
  columns: [
    { title: 'PILOT', text: ({ pilot }) => pilot },
    { title: 'STATE', text: ({ state }) => state },
    { title: 'NODES', text: ({ nodes, nodesAlive }) => `${nodesAlive}/${nodes}` },
    // Whole nodes of a scheduler: how many each has is known to the nodes, see `node list`.
    { title: 'SLOTS', text: ({ slots }) => (slots === 0 ? '-' : String(slots)) },
    { title: 'RESOURCE', text: ({ resource }) => resource },
    { title: 'AGE', text: ({ createdAtMs }) => (createdAtMs === 0 ? '-' : ageText(createdAtMs, Date.now())) },
    { title: 'MACHINE', text: ({ machine }) => machine, wide: true },
    { title: 'DIRECTORY', text: ({ directory }) => directory, wide: true },
  ],
  name: ({ pilot }) => pilot,
  plain: ({ createdAtMs, ...rest }) => ({
    ...rest,
    createdAt: createdAtMs === 0 ? null : new Date(createdAtMs).toISOString(),
  }),
  empty: 'no pilots; bring one up: pilotfish up',
};
