/** A run of a source on a stream that has no room: it says so, and ends when it is interrupted. */
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CliContext } from '#cli';
import { outputOf } from '../../platform/cli/command.ts';
import { sendRun } from '../../platform/cli/sources/source-run.ts';

/** Takes so many events; the next one waits until the client is closed. */
class FullStream {
  readonly counts = { sent: 0, acked: 0, retried: 0, held: 0, waiting: 0 };
  readonly #room: number;
  #close: (why: Error) => void = () => undefined;

  constructor(room: number) {
    this.#room = room;
  }

  publish(): Promise<void> {
    if (this.counts.sent < this.#room) {
      this.counts.sent++;
      this.counts.acked++;
      return Promise.resolve();
    }
    this.counts.held++;
    this.counts.waiting++;
    return new Promise((_, reject) => {
      this.#close = reject;
    });
  }

  flush = () => Promise.resolve();

  close(): void {
    this.#close(new Error('the connection was closed'));
  }
}

let stream: FullStream;
vi.mock('../../platform/cli/connection.ts', () => ({
  withSources: async (
    _context: unknown,
    _pilot: unknown,
    _count: number,
    use: (all: FullStream[]) => Promise<unknown>,
  ) => await use([stream]).finally(() => stream.close()),
}));
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

function start(room: number) {
  stream = new FullStream(room);
  const stop = new AbortController();
  const stderr = new PassThrough();
  const context: CliContext = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr,
    env: {},
    toolsFile: '',
    signal: stop.signal,
  };
  const output = outputOf(context, {});
  const options = { source: 'synthetic', set: ['bytes=10'], rate: 'max', producers: 1, on: 'here', count: 20 } as const;
  return {
    stop,
    running: sendRun(context, output, options),
    said: () => String(stderr.read()),
  };
}

it('ends with its report where there is room', async () => {
  const { running } = start(100);
  expect(await running).toMatchObject({ made: 20, stored: 20 });
});

it('says that the stream is full, and ends some seconds after it was interrupted', async () => {
  const { stop, running, said } = start(7);
  const ended = running.catch((error: Error) => error.message);
  await vi.waitFor(() => expect(stream.counts.waiting).toBe(1));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(said()).toContain('7 stored; the stream is full');
  stop.abort();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await ended).toContain('no room for what is under way');
  expect(said()).toContain('7 stored; the stream is full');
});
