/** What may follow the words of a command line: commands, flags and their values, and names that are asked for live. */
import type { Argument, Command, Option } from 'commander';

export interface Suggestion {
  readonly word: string;
  readonly about: string;
}

/** Kinds of names that a pilot, or this machine, knows. */
export type LiveKind = 'function' | 'node' | 'pilot' | 'trigger' | 'call' | 'source' | 'token' | 'secret';

/** Where names are looked for. */
export interface LivePlace {
  /** Of `--pilot`. */
  readonly pilot?: string | undefined;
  /** Of the words before: triggers are a function's. */
  readonly function?: string | undefined;
}

/** Names, as far as they can be had quickly; nothing where no pilot answers. */
export type LiveNames = (kind: LiveKind, place: LivePlace) => Promise<readonly string[]>;

/** `words`: all after `pilotfish`; the last one is being written, and may be empty. */
export async function suggestWords(
  program: Command,
  words: readonly string[],
  live: LiveNames,
): Promise<readonly Suggestion[]> {
  const written = words.at(-1) ?? '';
  const { command, rest } = descend(program, words.slice(0, -1));
  const before = optionOf(command, rest.at(-1));
  const pilot = wordAfter(rest, '--pilot');
  const found =
    before && takesValue(before)
      ? await valuesOf(before, live)
      : written.startsWith('-')
        ? flagsOf(command)
        : [
            ...commandsOf(command),
            ...(await argumentsOf(command, rest, (kind, name) => live(kind, { pilot, function: name }))),
          ];
  return found.filter(({ word }) => word.startsWith(written));
}

/** The command that the words lead to, and what follows its name. */
function descend(program: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  let command = program;
  for (const [at, word] of words.entries()) {
    const next = command.commands.find((each) => each.name() === word);
    if (!next) return { command, rest: words.slice(at) };
    command = next;
  }
  return { command, rest: [] };
}

function commandsOf(command: Command): Suggestion[] {
  return command.commands.map((each) => ({ word: each.name(), about: each.description() }));
}

function flagsOf(command: Command): Suggestion[] {
  const flags = command.options.flatMap(({ long, description }) => (long ? [{ word: long, about: description }] : []));
  return [...flags, { word: '--help', about: 'what it does, with examples' }];
}

async function valuesOf(option: Option, live: LiveNames): Promise<Suggestion[]> {
  const names = option.long === '--pilot' ? await live('pilot', {}) : (option.argChoices ?? []);
  return names.map((word) => ({ word, about: '' }));
}

async function argumentsOf(
  { registeredArguments, options }: Command,
  rest: readonly string[],
  live: (kind: LiveKind, functionName: string | undefined) => Promise<readonly string[]>,
): Promise<Suggestion[]> {
  const given = rest.filter((word, at) => !word.startsWith('-') && !takesValueAt(options, rest[at - 1]));
  const argument = registeredArguments[given.length];
  const kind = kindOf(argument);
  const named = given[registeredArguments.findIndex((each) => each.name() === 'function')];
  const names = kind ? await live(kind, named) : (argument?.argChoices ?? []);
  return names.map((word) => ({ word, about: '' }));
}

function kindOf(argument: Argument | undefined): LiveKind | undefined {
  switch (argument?.name()) {
    case 'function':
      return 'function';
    case 'node':
      return 'node';
    case 'trigger':
      return 'trigger';
    case 'call':
      return 'call';
    case 'source':
      return 'source';
    case 'secret':
      return 'secret';
    case 'id':
      return argument.description.includes('pilot') ? 'pilot' : 'token';
    default:
      return undefined;
  }
}

function optionOf({ options }: Command, word: string | undefined): Option | undefined {
  return options.find(({ long, short }) => word !== undefined && (long === word || short === word));
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function takesValueAt(options: readonly Option[], word: string | undefined): boolean {
  return (
    word !== undefined &&
    options.some((option) => (option.long === word || option.short === word) && takesValue(option))
  );
}

function wordAfter(words: readonly string[], flag: string): string | undefined {
  const at = words.indexOf(flag);
  return at < 0 ? undefined : words[at + 1];
}
