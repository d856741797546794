/** How a command fails: what happened and what to do next on stderr, JSON where JSON or YAML was asked for, the table's exit code. */
import { type Command, CommanderError } from 'commander';
import { errorCodes, PlatformError } from '#common';
import { type CliContext, type ExitCode, interruptedExitCode } from './context.ts';
import { jsonLine, paint } from './output/output.ts';
import { printable } from './output/printable.ts';

/** Prints the error, unless commander has only shown help, and returns the exit code. */
export function printFailure(
  context: CliContext,
  thrown: unknown,
  program: Command,
  argv: readonly string[],
): ExitCode {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0;
    // Without a command the help was asked for by mistake: it has been printed, nothing more to say.
    if (thrown.code === 'commander.help') {
      const unknown = argv[0] === 'help' ? argv[commandPath(program, argv.slice(1)).length + 1] : undefined;
      if (unknown !== undefined) context.stderr.write(`${printable(`there is no command "${unknown}"`)}\n`);
      return errorCodes.usage.exit;
    }
    return print(context, usageError(thrown, program, argv), argv);
  }
  if (context.signal.aborted) return interruptedExitCode;
  return print(context, PlatformError.from(thrown), argv);
}

function print(context: CliContext, error: PlatformError, argv: readonly string[]): ExitCode {
  const { code, message, hint, foreignStack } = error;
  if (isForMachine(argv, context.env)) {
    const told = { code, message, hint, ...(foreignStack ? { stack: foreignStack } : {}) };
    context.stderr.write(`${printable(jsonLine({ error: told }))}\n`);
  } else {
    context.stderr.write(`${paint(context, context.stderr, 'red', 'error:')} ${printable(message)}\n`);
    if (foreignStack) context.stderr.write(`${printable(foreignStack)}\n`);
    if (hint) context.stderr.write(`${printable(hint)}\n`);
    if (code === 'internal') context.stderr.write(printable(`${error.stack ?? ''}\n${causeText(error.cause)}`));
  }
  return errorCodes[code].exit;
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? `caused by: ${cause.stack ?? cause.message}\n` : '';
}

function usageError(thrown: CommanderError, program: Command, argv: readonly string[]): PlatformError {
  const path = commandPath(program, argv);
  const swapped = swappedWords(program, path, argv);
  const hint = swapped
    ? `Did you mean: pilotfish ${swapped.join(' ')}`
    : `See: ${['pilotfish', ...path, '--help'].join(' ')}`;
  return new PlatformError('usage', thrown.message.replace(/^error: /, ''), { hint });
}

/** `describe node n1`, as other programs have it: here the noun comes first. */
function swappedWords(program: Command, path: readonly string[], argv: readonly string[]): string[] | undefined {
  const [verb = argv[0] ?? '', ...rest] = path;
  const next = argv[1] ?? '';
  const noun = program.commands.find((each) => each.name() === next || `${each.name()}s` === next);
  const isOne =
    rest.length === 0 && noun?.commands.some((each) => each.name() === verb || each.aliases().includes(verb));
  return isOne ? [noun?.name() ?? '', verb, ...argv.slice(2)] : undefined;
}

/** Names of the command that the words begin with: whose help would explain the mistake. */
function commandPath(program: Command, argv: readonly string[]): string[] {
  const path: string[] = [];
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (!next) break;
    path.push(next.name());
    command = next;
  }
  return path;
}

/** Read from the raw words: parsing them may be what failed. A line of JSON is a document of YAML, too. */
function isForMachine(argv: readonly string[], env: CliContext['env']): boolean {
  const at = argv.findIndex((word) => word === '-o' || word === '--output');
  const asked =
    at >= 0 ? argv[at + 1] : argv.find((word) => /^(-o|--output=)/.test(word))?.replace(/^(-o|--output=)/, '');
  const format = asked ?? env['PILOTFISH_OUTPUT'];
  return format === 'json' || format === 'yaml';
}
