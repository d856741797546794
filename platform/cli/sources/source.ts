/** `pilotfish source run|list`: sends the messages of a source, at a rate, with faults where asked, and counts them. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { formatBytes, messageOf } from '#common';
import {
  type CommandFactory,
  type CommonOptions,
  durationMs,
  flag,
  newCommand,
  outputOf,
  positiveInteger,
} from '../command.ts';
import type { CliContext } from '../context.ts';
import { countText } from '../output/output.ts';
import type { SourceFlags } from './source-plan.ts';

export const sourceRunCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'run',
    summary: 'send the messages of a source and count them',
    examples: [
      'pilotfish source run lightsource --set rows=16 --set columns=256 --rate 100/s',
      'pilotfish source run lightsource --set file=scan.h5 --set scans=0 --for 1m --on nodes --producers 2',
      'pilotfish source run kmeans --set points=5000 --rate sine:100:50:30s --for 2m',
      'pilotfish source run synthetic --set bytes=2097152 --count 500 --lose 1% --delay 5%:200ms',
      'pilotfish source run detector/source.ts --count 10',
    ],
  })
    .argument('<source>', 'a name of `pilotfish source list`, or the file of a module')
    .addOption(flag('--set <name=value...>', 'settings of the source').default([], 'none'))
    .addOption(
      flag(
        '--rate <profile>',
        'messages a second, all producers together: max, 100/s, ramp:10:200:60s, burst:50:2s, ' +
          'sine:100:50:30s, poisson:100/s, recorded:FILE',
      ).default('max'),
    )
    .addOption(flag('--producers <count>', 'how many share the run').default(1).argParser(positiveInteger))
    .addOption(
      flag('--on <place>', "where they run: in this process, or as instances on the pilot's nodes")
        .choices(['here', 'nodes'])
        .default('here'),
    )
    .addOption(flag('--count <messages>', 'end after so many').argParser(positiveInteger))
    .addOption(flag('--for <duration>', 'end after this long').argParser(durationMs))
    .addOption(flag('--lose <share>', 'leave out so many of the messages, such as 1%').default(0).argParser(share))
    .addOption(flag('--double <share>', 'send so many twice, under two ids').default(0).argParser(share))
    .addOption(flag('--disorder <share>', 'send so many after up to 8 later ones').default(0).argParser(share))
    .addOption(flag('--delay <share:duration>', 'hold so many back for a time, such as 5%:200ms').argParser(delay))
    .addOption(
      flag('--fault-seed <number>', 'the same seed gives the same faults').default(1).argParser(positiveInteger),
    )
    .addOption(flag('--run <name>', 'names the run in ids and subjects (default: one that was never used)'))
    .action(async (name: string, flags: SourceFlags) => {
      const { runSource } = await import('./source-run.ts');
      const report = await runSource(context, name, flags, outputOf(context, flags));
      await printReport(context, flags, report);
    });

async function printReport(
  context: CliContext,
  flags: SourceFlags,
  report: import('#sources').SourceReport,
): Promise<void> {
  const { run, made, stored, lost, doubled, disordered, delayed, sentAgain, held, slippedMs, bytes, seconds } = report;
  const rate = `${countText(Math.round(report.messagesPerSecond))}/s, ${report.megabytesPerSecond.toFixed(1)} MB/s`;
  await outputOf(context, flags).one(run, report, [
    ['run', run],
    ['made', countText(made)],
    ['stored', `${countText(stored)} (${formatBytes(bytes)}) in ${seconds.toFixed(2)} s: ${rate}`],
    ['faults', `${lost} lost, ${doubled} doubled, ${disordered} out of order, ${delayed} late`],
    [
      'held up',
      `${countText(held)} waited, ${countText(sentAgain)} sent again, schedule moved ${Math.round(slippedMs)} ms`,
    ],
  ]);
}

export const sourceListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'sources that come with Pilotfish, and their settings',
    examples: ['pilotfish source list', 'pilotfish source list -o json'],
    pilot: false,
  }).action(async (flags: CommonOptions) => {
    const { builtInSources } = await import('#sources');
    const rows = Object.entries(builtInSources).flatMap(([source, { about, settings }]) => [
      { source, setting: '', standard: '', about },
      ...Object.entries(settings).map(([setting, { about: text, default: value }]) => ({
        source,
        setting,
        standard: Number.isNaN(value) ? '' : String(value),
        about: text,
      })),
    ]);
    await outputOf(context, flags).list(rows, {
      columns: [
        { title: 'SOURCE', text: ({ source, setting }) => (setting === '' ? source : '') },
        { title: 'SETTING', text: ({ setting }) => setting },
        { title: 'DEFAULT', text: ({ standard }) => standard },
        { title: 'ABOUT', text: ({ about }) => about },
      ],
      name: ({ source, setting }) => (setting === '' ? source : `${source}.${setting}`),
      plain: (row) => row,
      empty: 'there are no sources',
    });
  });

function share(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%)?$/.exec(text);
  const value = match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Write it like 1% or 0.01, at most 100%.');
}

function delay(text: string): NonNullable<SourceFlags['delay']> {
  const [part = '', time = '', ...more] = text.split(':');
  try {
    if (more.length === 0) return { share: share(part), ms: durationMs(time) };
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
  throw new InvalidArgumentError('Write it like 5%:200ms.');
}
