/**
 * The command line: `run-cli.ts` puts the commands together, `command.ts` says how they are declared, `connection.ts` finds the
 * pilot, `failure.ts` fails. A file a command, in folders by what it is about: pilots/, functions/, events/ (and calls), sources/,
 * study/, dev/, screens/ (what one looks at for long), access/. `output/` prints, `completion/` helps to type.
 */
export type { CliContext } from './context.ts';
export { launcherCommand } from './launcher-command.ts';
export { createProgram, runCli } from './run-cli.ts';
