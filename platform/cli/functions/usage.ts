/** `pilotfish usage`: what each function, version or scan has done, and what it held to do it. */
import type { Command, Option } from 'commander';
import type { UsageRow } from '#proto';
import { type CommandFactory, flag, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import { csvCell } from '../output/csv-cell.ts';
import { countText, type ListView, type OutputFormat, outputFormats } from '../output/output.ts';

interface UsageFlags {
  readonly pilot?: string;
  readonly by: 'function' | 'version' | 'scan';
  readonly output?: OutputFormat | 'csv';
}

type Row = Partial<UsageRow> & Pick<UsageRow, 'function' | 'events' | 'failed' | 'nodeSeconds' | 'busySeconds'>;

const columns = {
  function: ['function', 'events', 'failed', 'nodeSeconds', 'slotSeconds', 'busySeconds'],
  version: ['function', 'version', 'events', 'failed', 'nodeSeconds', 'slotSeconds', 'busySeconds'],
  scan: ['scan', 'function', 'version', 'events', 'failed', 'nodeSeconds', 'busySeconds'],
} as const;

export const usageCommand: CommandFactory = (context): Command => {
  const command = newCommand({
    name: 'usage',
    summary: 'node-seconds, core-seconds and events of each function, version or scan, since the pilot began',
    examples: [
      'pilotfish usage',
      'pilotfish usage --by scan -o csv > usage.csv',
      'pilotfish usage --by function -o json',
    ],
  });
  const output = command.options.find(({ long }) => long === '--output');
  (output as Option).choices([...outputFormats, 'csv']);
  command.addOption(flag('--by <what>', 'a row each').choices(['function', 'version', 'scan']).default('version'));
  return command.action(async (flags: UsageFlags) => {
    const { by } = flags;
    const rows = await askPilot(context, flags.pilot, (pilot) => pilot.usage({ byScan: by === 'scan' }));
    const shown = (by === 'function' ? sums(rows) : rows).map(inMilliseconds);
    if (flags.output === 'csv') {
      context.stdout.write(csvText(shown, columns[by]));
      return;
    }
    await outputOf(context, { ...flags } as Parameters<typeof outputOf>[1]).list(shown, viewOf(by));
  });
};

/** Seconds are sums of floating-point numbers: what stands behind a millisecond was never measured. */
function inMilliseconds<R extends Row>(row: R): R {
  const { nodeSeconds, slotSeconds, busySeconds } = row;
  const rounded = (seconds: number) => Math.round(seconds * 1_000) / 1_000;
  return {
    ...row,
    nodeSeconds: rounded(nodeSeconds),
    busySeconds: rounded(busySeconds),
    ...(slotSeconds === undefined ? {} : { slotSeconds: rounded(slotSeconds) }),
  };
}

/** All versions of a function together. */
export function sums(rows: readonly UsageRow[]): Row[] {
  const byFunction = new Map<string, Row>();
  for (const { function: name, events, failed, nodeSeconds, slotSeconds, busySeconds } of rows) {
    const sum = byFunction.get(name);
    byFunction.set(name, {
      function: name,
      events: events + (sum?.events ?? 0),
      failed: failed + (sum?.failed ?? 0),
      nodeSeconds: nodeSeconds + (sum?.nodeSeconds ?? 0),
      slotSeconds: slotSeconds + (sum?.slotSeconds ?? 0),
      busySeconds: busySeconds + (sum?.busySeconds ?? 0),
    });
  }
  return [...byFunction.values()];
}

function viewOf(by: UsageFlags['by']): ListView<Row> {
  const scan = { title: 'SCAN', text: (row: Row) => row.scan || '(others)' };
  const version = { title: 'VERSION', text: (row: Row) => String(row.version) };
  const slots = { title: 'CORE-S', text: (row: Row) => (row.slotSeconds ?? 0).toFixed(1) };
  return {
    columns: [
      ...(by === 'scan' ? [scan] : []),
      { title: 'FUNCTION', text: (row) => row.function },
      ...(by === 'function' ? [] : [version]),
      { title: 'HANDLED', text: (row) => countText(row.events) },
      { title: 'FAILED', text: (row) => countText(row.failed) },
      { title: 'NODE-S', text: (row) => row.nodeSeconds.toFixed(1) },
      ...(by === 'scan' ? [] : [slots]),
      { title: 'BUSY-S', text: (row) => row.busySeconds.toFixed(1) },
      ...(by === 'function'
        ? []
        : [{ title: 'DIGEST', text: (row: Row) => (row.digest ?? '').slice(0, 12), wide: true }]),
    ],
    name: (row) =>
      [`${row.function}${by === 'function' ? '' : `@${row.version}`}`, ...(by === 'scan' ? [row.scan] : [])].join(' '),
    plain: (row) =>
      Object.fromEntries(
        [...columns[by], ...(by === 'function' ? [] : ['digest' as const])].map((name) => [name, row[name]]),
      ),
    empty: 'nothing has been handled yet',
  };
}

/** Names of functions are letters, digits and hyphens; a scan is a token of a subject, which anybody may have written. */
function csvText(rows: readonly Row[], names: readonly (keyof Row)[]): string {
  return [names.join(), ...rows.map((row) => names.map((name) => csvCell(row[name])).join())]
    .map((line) => `${line}\n`)
    .join('');
}
