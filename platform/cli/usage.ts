/** `pilotfish usage`: what each version has done, and what it held to do it. */
import type { Command, Option } from 'commander';
import type { UsageRow } from '#proto';
import { type CommandFactory, newCommand, outputOf } from './command.ts';
import { withPilot } from './connection.ts';
import { countText, type ListView, type OutputFormat, outputFormats } from './output.ts';

interface UsageFlags {
  readonly pilot?: string;
  readonly output?: OutputFormat | 'csv';
}

const columns = ['function', 'version', 'events', 'failed', 'nodeSeconds', 'slotSeconds', 'busySeconds'] as const;

export const usageCommand: CommandFactory = (context): Command => {
  const command = newCommand({
    name: 'usage',
    summary: 'node-seconds, core-seconds and events of each version, since the gateway began',
    examples: ['pilotfish usage', 'pilotfish usage -o csv > usage.csv', 'pilotfish usage -o json'],
  });
  const output = command.options.find(({ long }) => long === '--output');
  (output as Option).choices([...outputFormats, 'csv']);
  return command.action(async (flags: UsageFlags) => {
    const rows = await withPilot(context, flags.pilot, (pilot) => pilot.usage());
    if (flags.output === 'csv') {
      context.stdout.write(csvText(rows));
      return;
    }
    await outputOf(context, { ...flags } as Parameters<typeof outputOf>[1]).list(rows, view);
  });
};

const view: ListView<UsageRow> = {
  columns: [
    { title: 'FUNCTION', text: (row) => row.function },
    { title: 'VERSION', text: (row) => String(row.version) },
    { title: 'HANDLED', text: (row) => countText(row.events) },
    { title: 'FAILED', text: (row) => countText(row.failed) },
    { title: 'NODE-S', text: (row) => row.nodeSeconds.toFixed(1) },
    { title: 'CORE-S', text: (row) => row.slotSeconds.toFixed(1) },
    { title: 'BUSY-S', text: (row) => row.busySeconds.toFixed(1) },
    { title: 'DIGEST', text: (row) => row.digest.slice(0, 12), wide: true },
  ],
  name: (row) => `${row.function}@${row.version}`,
  plain: (row) => row,
  empty: 'nothing has been handled yet',
};

/** Names of functions are letters, digits and hyphens: no cell needs quotes. */
function csvText(rows: readonly UsageRow[]): string {
  return [columns.join(), ...rows.map((row) => columns.map((column) => row[column]).join())]
    .map((line) => `${line}\n`)
    .join('');
}
