/** How a command fails: what happened and what to do next on stderr, JSON where JSON was asked for, the table's exit code. */
import { CommanderError } from 'commander';
import { errorCodes, PlatformError } from '#common';
import { type CliContext, type ExitCode, interruptedExitCode } from './context.ts';
import { paint } from './output.ts';

/** Prints the error, unless commander has only shown help, and returns the exit code. */
export function printFailure(context: CliContext, thrown: unknown, argv: readonly string[]): ExitCode {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0;
    // Without a command the help was asked for by mistake: it has been printed, nothing more to say.
    if (thrown.code === 'commander.help') return errorCodes.usage.exit;
    return print(context, usageError(thrown, argv), argv);
  }
  if (context.signal.aborted) return interruptedExitCode;
  return print(context, PlatformError.from(thrown), argv);
}

function print(context: CliContext, error: PlatformError, argv: readonly string[]): ExitCode {
  const { code, message, hint, foreignStack } = error;
  if (wantsJson(argv, context.env)) {
    context.stderr.write(
      `${JSON.stringify({ error: { code, message, hint, ...(foreignStack ? { stack: foreignStack } : {}) } })}\n`,
    );
  } else {
    context.stderr.write(`${paint(context, context.stderr, 'red', 'error:')} ${message}\n`);
    if (foreignStack) context.stderr.write(`${foreignStack}\n`);
    if (hint) context.stderr.write(`${hint}\n`);
    if (code === 'internal') context.stderr.write(`${error.stack ?? ''}\n${causeText(error.cause)}`);
  }
  return errorCodes[code].exit;
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? `caused by: ${cause.stack ?? cause.message}\n` : '';
}

function usageError(thrown: CommanderError, argv: readonly string[]): PlatformError {
  const message = thrown.message.replace(/^error: /, '');
  const command = argv
    .filter((word) => /^[a-z][a-z-]*$/.test(word))
    .slice(0, argv[0] === 'pilot' || argv[0] === 'node' ? 2 : 1);
  const known = thrown.code === 'commander.unknownCommand' ? [] : command;
  return new PlatformError('usage', message, { hint: `See: ${['pilotfish', ...known, '--help'].join(' ')}` });
}

/** Read from the raw words: parsing them may be what failed. */
function wantsJson(argv: readonly string[], env: CliContext['env']): boolean {
  const at = argv.findIndex((word) => word === '-o' || word === '--output');
  const asked =
    at >= 0 ? argv[at + 1] : argv.find((word) => /^(-o|--output=)/.test(word))?.replace(/^(-o|--output=)/, '');
  return (asked ?? env['PILOTFISH_OUTPUT']) === 'json';
}
