/** What a command is given: streams, settings, a signal. Only bin/ touches the process itself. */
import type { Readable, Writable } from 'node:stream';

export interface CliStream extends Writable {
  readonly isTTY?: boolean;
}

export interface CliContext {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  /** The environment, read once. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What set-up found (nats-server): a file beside the bundles. */
  readonly toolsFile: string;
  /** `--via` of the command that runs. */
  readonly via?: string | undefined;
  /** Aborts at the first SIGINT; a second one ends the process. */
  readonly signal: AbortSignal;
}

/** What a command ends with besides success; 9 is "some of several failed". */
export type ExitCode = number;
export const partialExitCode: ExitCode = 9;
export const interruptedExitCode: ExitCode = 130;
