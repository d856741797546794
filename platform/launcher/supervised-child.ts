/** One child process: started, told ready, restarted with backoff when it dies, ended with a grace time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { PlatformError } from '#common';
import { type ChildMessage, childMessageSchema, readStartTicks } from '#model';
import type { ProcessId } from '#pilot';
import type { Logger } from '#telemetry';
import { closeLog, openLog } from './child-logs.ts';
import { restartDelayMs } from './restart-delay.ts';

export type ChildName = 'nats-server' | 'gateway' | 'agent';

export interface ChildOptions {
  readonly name: ChildName;
  /** Writes the child's configuration and says what to run; called before every start. */
  readonly prepare: () => readonly string[];
  /** Put in front of argv. */
  readonly prefix: readonly string[];
  readonly logFile: string;
  readonly logger: Logger;
  /** For a child that does not speak on fd 3: resolves with its address once it is ready. */
  readonly watchReady?: (pid: number, signal: AbortSignal) => Promise<string>;
  /** Every time it is ready, with its address. */
  readonly onReady?: (address: string) => void;
  readonly onMessage?: (message: ChildMessage) => void;
  /** After every start and death. */
  readonly onChange: () => void;
  /** After a death, before the restart. */
  readonly onDeath?: () => void;
}

/** What tells one child from the others. */
export type OwnOptions = Omit<ChildOptions, 'prefix' | 'logFile' | 'logger' | 'onChange'>;

/** A child that was ready for this long is well again: its deaths are forgotten. */
const healthyMs = 30_000;
/** Deaths in a row before it was ever ready: then its set-up is wrong and no restart will mend it. */
const firstDeathsMax = 3;

/** The pipe ends with the child, unless something it started holds it open. */
const lastWordsMs = 500;

export class SupervisedChild {
  readonly name: ChildName;
  readonly #options: ChildOptions;
  readonly #firstReady = Promise.withResolvers<string>();
  #child: ChildProcess | undefined;
  #process: ProcessId | undefined;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  #everReady = false;
  #deaths = 0;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    // A failure is told to whoever waits; nobody may be waiting when the launcher is already ending.
    this.#firstReady.promise.catch(() => undefined);
  }

  /** Address, once ready for the first time; rejects when it dies too often before. */
  get ready(): Promise<string> {
    return this.#firstReady.promise;
  }

  /** The living process. */
  get process(): ProcessId | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#stopping) return;
    const { logger, logFile, prefix, name } = this.#options;
    let child: ChildProcess;
    const log = openLog(logFile);
    try {
      const [program = '', ...args] = [...prefix, ...this.#options.prepare()];
      child = spawn(program, args, { stdio: ['ignore', log, log, 'pipe'] });
    } catch (error) {
      this.#firstReady.reject(error);
      return;
    } finally {
      closeLog(log);
    }
    this.#child = child;
    const ended = new AbortController();
    let readySince: number | undefined;
    const onReady = (address: string) => {
      readySince = performance.now();
      this.#everReady = true;
      this.#options.onReady?.(address);
      this.#firstReady.resolve(address);
    };
    let gone = false;
    const onGone = (reason: string) => {
      if (gone) return;
      gone = true;
      ended.abort();
      if (readySince !== undefined && performance.now() - readySince >= healthyMs) this.#deaths = 0;
      void this.#afterDeath(child, reason);
    };
    child.once('error', (error) => onGone(error.message));
    child.once('exit', (code, signal) => onGone(signal ?? `exit code ${code}`));
    if (child.pid === undefined) return;
    this.#process = { pid: child.pid, startTicks: readStartTicks(child.pid) ?? '0' };
    logger.info({ child: name, pid: child.pid }, 'child started');
    this.#options.onChange();
    this.#readMessages(child, onReady);
    this.#options.watchReady?.(child.pid, ended.signal).then(onReady, (error) => {
      if (!ended.signal.aborted) logger.warn({ child: name, error: String(error) }, 'child not seen ready');
    });
  }

  /** SIGTERM, and SIGKILL once the grace is over; resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await exited;
    clearTimeout(timer);
  }

  /** SIGHUP: it reads its configuration again, after `rewrite` has brought it up to date. */
  reload(rewrite: () => void): void {
    if (this.#process === undefined) return;
    rewrite();
    this.#child?.kill('SIGHUP');
  }

  /** Ends it, and starts it as after a death. */
  restart(graceMs: number): void {
    const child = this.#child;
    if (!child || this.#process === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', () => clearTimeout(timer));
  }

  /** For a launcher in a hurry. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  async #afterDeath(child: ChildProcess, reason: string): Promise<void> {
    const { logger, name, onChange, onDeath } = this.#options;
    this.#process = undefined;
    await lastWords(child.stdio[3] as Readable | undefined);
    onDeath?.();
    onChange();
    if (this.#stopping) return;
    this.#deaths += 1;
    if (!this.#everReady && this.#deaths >= firstDeathsMax) {
      const message = `${name} ended ${this.#deaths} times before it was ready (last: ${reason})`;
      this.#firstReady.reject(new PlatformError('unavailable', message));
      return;
    }
    const delayMs = restartDelayMs(this.#deaths);
    logger.warn({ child: name, reason, deaths: this.#deaths, delayMs }, 'child died');
    this.#restart = setTimeout(() => this.start(), delayMs);
  }

  #readMessages(child: ChildProcess, onReady: (address: string) => void): void {
    const { logger, name, onMessage } = this.#options;
    const pipe = child.stdio[3] as Readable;
    // Reset by a child that was killed: its exit tells the same.
    pipe.on('error', () => undefined);
    createInterface({ input: pipe }).on('line', (line) => {
      const message = parseMessage(line);
      if (message === undefined)
        logger.warn({ child: name, chars: line.length }, 'child sent a line that is no message');
      else if ('ready' in message) onReady(message.ready.address);
      else onMessage?.(message);
    });
  }
}

/** What the child wrote before it died is still in the pipe: instances among it that must not outlive it. */
async function lastWords(pipe: Readable | undefined): Promise<void> {
  if (!pipe || pipe.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, lastWordsMs);
  pipe.once('close', resolve);
  await promise;
  clearTimeout(timer);
  pipe.destroy();
}

function parseMessage(line: string): ChildMessage | undefined {
  try {
    return childMessageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    // Not JSON: the caller reports the line.
    return undefined;
  }
}
