/** `pilotfish logs FN`: what its instances wrote, one line each. */
import type { Command } from 'commander';
import { PlatformError, parseDurationMs, untilAborted } from '#common';
import type { LogsResponse } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import { suggestFunction } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { followPilot } from '../follow-pilot.ts';
import { printableEntry } from '../output/printable.ts';

interface LogsFlags extends CommonOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly call?: string;
  readonly instance?: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
}

export const logsCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'logs',
    summary: "print a function's log lines",
    examples: [
      'pilotfish logs echo',
      'pilotfish logs echo -f --since 5m',
      'pilotfish logs echo --level error',
      'pilotfish logs echo --call echo.main.EVENTS.17',
      'pilotfish logs echo --instance n1-i3 --since 1h',
      'pilotfish logs echo -o json',
    ],
  })
    .argument('<function>', 'its name')
    .addOption(flag('-f, --follow', 'go on with the lines to come'))
    .addOption(
      flag('--since <when>', 'only lines after this: a duration such as 5m, or a time such as 2026-01-31T12:00:00Z'),
    )
    .addOption(
      flag('--level <level>', 'only lines of this level and worse').choices(['debug', 'info', 'warn', 'error']),
    )
    .addOption(flag('--call <id>', 'only lines of this event or call'))
    .addOption(flag('--instance <id>', 'only lines of this instance'))
    .action((name: string, flags: LogsFlags) => printLogs(context, name, flags));

async function printLogs(context: CliContext, name: string, flags: LogsFlags): Promise<void> {
  const sinceMs = flags.since === undefined ? 0 : parseSince(flags.since, Date.now());
  const output = outputOf(context, flags);
  const { follow = false, level } = flags;
  const options = { follow, sinceMs, signal: context.signal, ...(level ? { level } : {}) };
  let fromSequence = 0;
  let isEmpty = true;
  const lines = followPilot(context, flags.pilot, async function* (pilot, heard) {
    // A function that is not there has no lines either: the difference is worth a call.
    await untilAborted(
      suggestFunction(pilot, name, () => pilot.get(name)),
      context.signal,
    );
    heard();
    yield* pilot.logs(name, { ...options, fromSequence });
  });
  for await (const line of lines) {
    fromSequence = line.sequence + 1;
    if (flags.call !== undefined && line.callId !== flags.call) continue;
    if (flags.instance !== undefined && line.instance !== flags.instance) continue;
    output.entry(lineRecord(line), lineText(line));
    isEmpty = false;
  }
  context.signal.throwIfAborted();
  if (isEmpty && !follow) output.note(`no such lines of ${name} are kept`);
}

/** Milliseconds since 1970 of "5m" (ago) or of an RFC 3339 time. Throws `usage`. */
export function parseSince(text: string, nowMs: number): number {
  if (/^[\d.]+[a-z]/.test(text)) return Math.max(0, nowMs - parseDurationMs(text));
  // Date.parse() would take "5" for a month.
  const time = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return Math.max(0, time);
  throw new PlatformError('usage', `"${text}" is neither a duration nor a time`, {
    hint: 'Write --since 5m or --since 2026-01-31T12:00:00Z.',
  });
}

export function lineRecord({ timeMs, ...rest }: LogsResponse): object {
  return { time: new Date(timeMs).toISOString(), ...rest };
}

export function lineText({ timeMs, level, instance, node, message }: LogsResponse): string {
  return `${new Date(timeMs).toISOString()} ${level.toUpperCase().padEnd(5)} ${node}/${instance} ${printableEntry(message)}`;
}
