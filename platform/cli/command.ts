/** How every command is declared: the same common options, an environment variable a flag, an example in each help. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf, parseDurationMs } from '#common';
import type { CliContext, ExitCode } from './context.ts';
import { Output, outputFormats } from './output/output.ts';

export interface CommonOptions {
  readonly pilot?: string;
  readonly via?: string;
  readonly output?: (typeof outputFormats)[number];
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Lines as one would type them, shown under "Examples". */
  readonly examples: readonly string[];
  /** False for commands that work without a pilot. */
  readonly pilot?: boolean;
}

/** Of each command made here, as one would type it. */
const firstExamples = new WeakMap<Command, string>();

/** For the help of the group that it is in. */
export function firstExampleOf(command: Command): string {
  return firstExamples.get(command) ?? '';
}

/** A command with `--pilot`, `-o` and its examples. */
export function newCommand({ name, summary, examples, pilot = true }: CommandSpec): Command {
  const command = new Command(name).description(summary);
  if (pilot)
    command
      .addOption(flag('--pilot <id|file>', 'the pilot to use: its id, or a connection file from `auth token create`'))
      .addOption(
        flag('--via <ssh://login>', 'reach it from another machine, through ssh: ssh://me@login[:port][/home]'),
      );
  command.addOption(
    flag('-o, --output <format>', `how data is printed: ${outputFormats.join(', ')}`).choices(outputFormats),
  );
  firstExamples.set(command, examples[0] ?? '');
  return command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}

/** A flag whose default can come from the environment: --max-wait from PILOTFISH_MAX_WAIT. */
export function flag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.env(`PILOTFISH_${option.name().replaceAll('-', '_').toUpperCase()}`);
}

/** Parsers for flags; commander turns their errors into usage errors. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  // Digits only: 0x10 and 1e3 are numbers to JavaScript, and slips of the finger to people.
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

/** A parser of "10" or "10%". */
export function percentBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replace(/%$/, ''));
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

/** "500/s" or "500". */
export function perSecond(text: string): number {
  const rate = Number(text.replace(/\/s$/, ''));
  if (Number.isFinite(rate) && rate > 0) return rate;
  throw new InvalidArgumentError('Write it like 500/s.');
}

export function durationMs(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}. Write it like 250ms, 30s, 5m or 1h30m.`);
  }
}

/** A parser of durations within bounds: what is longer would be cut short without a word, or is no number that a request holds. */
export function durationBetween(least: string, most: string): (text: string) => number {
  return (text) => {
    const ms = durationMs(text);
    if (ms >= parseDurationMs(least) && ms <= parseDurationMs(most)) return ms;
    throw new InvalidArgumentError(`It must be from ${least} to ${most}.`);
  };
}

/** What a command's action needs, made from its parsed options. */
export function outputOf(context: CliContext, options: CommonOptions): Output {
  return new Output(context, options.output ?? 'table');
}

/** Ends of actions are collected here, because commander drops what an action returns. */
export type Report = (code: ExitCode) => void;

/** What every command file exports: builds the command for this run. */
export type CommandFactory = (context: CliContext, report: Report) => Command;
