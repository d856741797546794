/**
 * The command line: one file a command, `run-cli.ts` puts them together, `command.ts` says how they are declared, `output.ts`
 * prints, `failure.ts` fails, `connection.ts` finds the pilot.
 */
export type { CliContext } from './context.ts';
export { launcherCommand } from './launcher-command.ts';
export { createProgram, runCli } from './run-cli.ts';
