/** `pilotfish list`: the functions of a pilot. */
import type { Command } from 'commander';
import type { FunctionSummary } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import { functionRecord } from '../output/function-record.ts';
import { ageText, countText, type ListView } from '../output/output.ts';

export const listCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'list the functions',
    examples: ['pilotfish list', 'pilotfish list -o wide', 'pilotfish list -o json'],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const functions = await askPilot(context, options.pilot, (pilot) => pilot.list());
      await outputOf(context, options).list(functions, functionsView(Date.now()));
    });

const functionsView = (nowMs: number): ListView<FunctionSummary> => ({
  columns: [
    { title: 'FUNCTION', text: ({ name }) => name },
    { title: 'VERSION', text: ({ latest }) => String(latest?.number ?? '-') },
    { title: 'READY', text: ({ instancesReady, instancesWanted }) => `${instancesReady}/${instancesWanted}` },
    { title: 'LAG', text: ({ lag }) => (lag < 0 ? '?' : countText(lag)) },
    { title: 'HANDLED', text: ({ handled }) => countText(handled) },
    { title: 'FAILED', text: ({ failed }) => countText(failed) },
    { title: 'AGE', text: ({ latest }) => (latest ? ageText(latest.createdAtMs, nowMs) : '-') },
    { title: 'DIGEST', text: ({ latest }) => latest?.digest.slice(0, 12) ?? '-', wide: true },
    { title: 'ALIASES', text: ({ aliases }) => aliasText(aliases), wide: true },
    { title: 'SCALE', text: ({ scaleReason }) => scaleReason, wide: true },
  ],
  name: ({ name }) => name,
  plain: functionRecord,
  empty: 'no functions yet; deploy one: pilotfish deploy PATH',
});

function aliasText(aliases: Readonly<Record<string, number>>): string {
  return (
    Object.entries(aliases)
      .map(([alias, number]) => `${alias}=${number}`)
      .join(',') || '-'
  );
}
