/** What every long-lived process of a pilot does alike: private files, one way to stop, no half-dead state. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, PlatformError } from '#common';
import { waitForFile } from '#pilot';

/** Longer than a launcher waits for the servers of other nodes. */
const configWaitMs = 120_000;

/** Starts a process; its start returns how it is closed. `stopped` aborts when it is to end, also during the start. */
export type Start = (stop: (reason: string) => void, stopped: AbortSignal) => Promise<() => Promise<void>>;

/** SIGTERM and SIGINT close once; a second signal ends at once. A failed start exits with 1 and says why on stderr. */
export async function runProcess(name: string, start: Start): Promise<void> {
  process.umask(0o077);
  const stopped = Promise.withResolvers<string>();
  const aborted = new AbortController();
  let stopping = false;
  const stop = (reason: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    aborted.abort();
    stopped.resolve(reason);
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('unhandledRejection', (error) => crash(name, error));
  process.on('uncaughtException', (error) => crash(name, error));
  try {
    const close = await start(stop, aborted.signal);
    await stopped.promise;
    await close();
    process.exit(0);
  } catch (error) {
    if (aborted.signal.aborted) process.exit(0);
    crash(name, error);
  }
}

/** A process that does not know its own state any more ends; its launcher starts another. */
function crash(name: string, error: unknown): never {
  const stack = error instanceof Error ? error.stack : messageOf(error);
  process.stderr.write(
    `${JSON.stringify({ level: 60, time: new Date().toISOString(), process: name, msg: messageOf(error), stack })}\n`,
  );
  process.exit(1);
}

/**
 * What this process is told in its --config FILE. A launcher starts it before it knows all of that: the file is waited for, with
 * the code loaded. Throws `usage` without a --config, `timeout` where nothing is told.
 */
export async function readConfig<T>(schema: { parse(value: unknown): T }, signal: AbortSignal): Promise<T> {
  const file = configPath();
  const text = await waitForFile({
    directory: dirname(file),
    look: () => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
    timeoutMs: configWaitMs,
    what: file,
    signal,
    pollMs: 50,
  });
  return schema.parse(JSON.parse(text));
}

/** The value of --config. Throws `usage` without it. */
function configPath(): string {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (!values.config)
    throw new PlatformError('usage', '--config FILE is missing', { hint: 'This process is started by a launcher.' });
  return values.config;
}
