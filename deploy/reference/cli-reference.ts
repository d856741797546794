/** The reference of the command line: what `--help` of each command says, one section a command. */
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { createProgram } from '#cli';

/** Columns of a printed page; a terminal's own width does not matter here. */
const columns = 100;

export function cliReference(): string {
  const context = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    // Defaults that come from the environment are not of everybody's.
    env: {},
    toolsFile: '',
    signal: new AbortController().signal,
  };
  const program = createProgram(context, () => undefined);
  const sections = [...commandsOf(program)].map(
    ({ path, command }) => `## ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  return ['# Command line', 'Written from what `pilotfish COMMAND --help` says.', ...sections]
    .join('\n\n')
    .replaceAll('\n\n\n', '\n\n');
}

interface NamedCommand {
  readonly path: string;
  readonly command: Command;
}

/** Each before its own subcommands. */
function* commandsOf(command: Command, above = ''): Generator<NamedCommand, void, void> {
  const path = `${above}${command.name()}`;
  yield { path, command };
  for (const each of command.commands) if (each.name() !== 'help') yield* commandsOf(each, `${path} `);
}

/** With what stands before and after it: the examples. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => columns,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();
}
