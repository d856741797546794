/** What a module says while it handles one event: its extra outputs, its failure, the lines it writes to stdout and stderr. */
import { PlatformError } from '#common';
import { type FunctionLog, Output, Reject, Retry } from '#sdk';

/** Extra outputs of one call (R6). */
const emittedMax = 4_096;
/** A line without its end is written at this length. */
const lineCharsMax = 8_192;
/** Of what a call wrote to stderr. */
const lastWordsMax = 3;
const lastWordsCharsMax = 600;

/** First argument of `pilotfish.fail`. */
const failures: readonly ((message: string) => Error)[] = [
  (message) => new Error(message),
  (message) => new Reject(message),
  (message) => new Retry({ message }),
];

/** First argument of `pilotfish.log`. */
const levels = ['debug', 'info', 'warn', 'error'] as const;

export class WasmCall {
  readonly emitted: Output[] = [];
  hasFailed = false;
  readonly #log: FunctionLog;
  readonly #lines = { info: '', error: '' };
  #lastWords: readonly string[] = [];
  #failure: Error | undefined;

  constructor(log: FunctionLog) {
    this.#log = log;
  }

  log(level: number, message: string): void {
    this.#log[levels[level] ?? 'info'](message);
  }

  /** An empty subject stands for the manifest's `output`. */
  emit(subject: string, data: Uint8Array): void {
    if (this.emitted.length >= emittedMax) {
      throw new PlatformError('function-failed', `the module emits more than ${emittedMax} outputs in one call`);
    }
    this.emitted.push(new Output(data.slice(), subject === '' ? {} : { subject }));
  }

  fail(kind: number, message: string): void {
    const make = failures[kind] ?? failures[0];
    this.#failure ??= make?.(message);
  }

  takeFailure(): Error | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    this.hasFailed = failure !== undefined;
    return failure;
  }

  /** Bytes for stdout (1) or stderr (2), as a C library writes them. */
  print(stream: number, text: string): void {
    const level = stream === 2 ? 'error' : 'info';
    const lines = (this.#lines[level] + text).split('\n');
    this.#lines[level] = (lines.pop() ?? '').slice(0, lineCharsMax);
    for (const line of lines) this.#log[level](line);
    if (level === 'error') this.#lastWords = [...this.#lastWords, ...lines].slice(-lastWordsMax);
  }

  /** The last lines on stderr; empty where there were none. */
  get lastWords(): string {
    const words = [...this.#lastWords, this.#lines.error].filter((line) => line !== '');
    return words.slice(-lastWordsMax).join(' | ').slice(0, lastWordsCharsMax);
  }

  flushLines(): void {
    for (const level of ['info', 'error'] as const) {
      if (this.#lines[level] !== '') this.#log[level](this.#lines[level]);
      this.#lines[level] = '';
    }
  }
}
