/** Runs a scheduler's commands: with a time limit, a bound on what they print, here or on a login node through ssh. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { PlatformError } from '#common';
import type { CommandResult } from './scheduler.ts';
import { shellQuote } from './shell-text.ts';

export type RunCommand = (argv: readonly string[], options?: { readonly timeoutMs?: number }) => Promise<CommandResult>;

/** A busy controller answers in seconds; one that is away lets its commands wait for its own time-out first. */
const timeoutMsDefault = 30_000;
/** Thousands of jobs in JSON. */
const outputBytesMax = 64 * 2 ** 20;

/**
 * Never rejects for an exit code: schedulers' codes lie. Throws `not-found` for a missing program, `unavailable` for silence. In
 * a session of its own: Ctrl-C at the terminal is for us, and must not cut off a command that has put a job into the queue
 * before it has said so.
 */
export const runHere: RunCommand = (argv, { timeoutMs = timeoutMsDefault } = {}) => {
  const [program = '', ...args] = argv;
  const outcome = Promise.withResolvers<CommandResult>();
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.once('error', (error: NodeJS.ErrnoException) => {
    outcome.reject(error.code === 'ENOENT' ? missingProgram(argv) : error);
  });
  child.once('close', (code) => {
    // 127 is env's word for it.
    if (code === 127) outcome.reject(missingProgram(argv));
    else if (child.killed) outcome.reject(silent(argv, timeoutMs));
    else outcome.resolve({ code: code ?? 1, stdout: stdout(), stderr: stderr() });
  });
  return outcome.promise;
};

/** What is over the bound is left out. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= outputBytesMax) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** The same on another machine, `name`, `user@name` or `name:port`. `run` is replaced where another user's ssh is meant. */
export function runThroughSsh(host: string, run: RunCommand = runHere, options: readonly string[] = []): RunCommand {
  return async (argv, limits) => {
    const result = await run(sshCommand(host, options, argv.map(shellQuote).join(' ')), limits);
    // 255 is ssh's own failure, not the command's.
    if (result.code !== 255) return result;
    throw new PlatformError('unavailable', `${host} cannot be reached by ssh: ${result.stderr.trim()}`, {
      hint: `Try it: ssh ${sshDestination(host)} true. A key is needed; passwords are not asked for.`,
    });
  };
}

/** Keys must be set up: nobody is there to type a password. Whose keys, which proxy and so on is ssh's own configuration. */
export function sshCommand(host: string, options: readonly string[], command?: string): string[] {
  const words = command === undefined ? [] : ['--', command];
  return ['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', ...options, sshDestination(host), ...words];
}

/** ssh takes a port only in this form. */
function sshDestination(host: string): string {
  return host.includes(':') ? `ssh://${host}` : host;
}

function missingProgram(argv: readonly string[]): PlatformError {
  const program = argv.find((word) => !word.includes('=') && word !== 'env') ?? '';
  return new PlatformError('not-found', `"${program}" is not on PATH`, {
    hint: 'Run the command on a login node of the cluster, or name one: --resource slurm+ssh://login, sge+ssh:// and pbs+ssh:// alike',
  });
}

function silent(argv: readonly string[], timeoutMs: number): PlatformError {
  return new PlatformError('unavailable', `"${argv.join(' ')}" did not answer within ${timeoutMs / 1_000} s`, {
    hint: 'The scheduler may be busy; jobs that run go on.',
  });
}
