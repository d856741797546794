/** The line that says what is waited for: on a terminal, and in a file. */
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Output } from '../../platform/cli/output/output.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open({
  terminal = true,
  columns = 60,
  env = {},
}: {
  terminal?: boolean;
  columns?: number;
  env?: object;
} = {}) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: terminal, columns });
  const [stdout, stderr] = [stream(), stream()];
  const context = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: { ...env },
    toolsFile: '',
    signal: new AbortController().signal,
  };
  const shown = () => String(stderr.read() ?? '');
  return { output: new Output(context, 'table'), shown };
}

const erased = '\r\u001b[2K';

it('shows nothing of a short wait', () => {
  const { output, shown } = open();
  {
    using _ = output.waiting('waiting for echo');
    vi.advanceTimersByTime(350);
  }
  vi.advanceTimersByTime(5_000);
  expect(shown()).toBe('');
});

it('writes one line over and over, with what is asked for each time, and takes it away', () => {
  const { output, shown } = open();
  let stored = 0;
  {
    using _ = output.waiting(() => `${stored} of 9 stored`);
    vi.advanceTimersByTime(500);
    stored = 4;
    vi.advanceTimersByTime(2_000);
  }
  const written = shown();
  expect(written).toMatch(/0 of 9 stored/);
  expect(written).toContain('4 of 9 stored, 2 s');
  expect(written).not.toContain('\n');
  expect(written.endsWith(erased)).toBe(true);
});

it('makes room for what is said meanwhile, and comes back', () => {
  const { output, shown } = open();
  using _ = output.waiting('bringing a pilot up');
  vi.advanceTimersByTime(600);
  shown();
  output.note('n1: nats-server');
  expect(shown()).toBe(`${erased}n1: nats-server\n`);
  vi.advanceTimersByTime(100);
  expect(shown()).toContain('bringing a pilot up');
});

it('is whole on a terminal that does not know its width', () => {
  const { output, shown } = open({ columns: 0 });
  using _ = output.waiting('looking for type errors', { blocks: true });
  expect(shown()).toBe(`${erased}| looking for type errors`);
});

it('is never longer than the terminal, and obeys nothing in a name', () => {
  const { output, shown } = open({ columns: 20 });
  using _ = output.waiting(`waiting for ${'x'.repeat(50)}\u001b[31m`, { blocks: true });
  const line = shown().slice(erased.length);
  expect(line.length).toBeLessThan(20);
  expect(line).not.toContain('\u001b');
});

it.each([{ terminal: false }, { terminal: true, env: { TERM: 'dumb' } }])(
  'is a plain line every ten seconds in a file or on a terminal that can do nothing (%o)',
  (where) => {
    const { output, shown } = open(where);
    {
      using _ = output.waiting('waiting for the job and its nodes');
      vi.advanceTimersByTime(9_900);
      expect(shown()).toBe('');
      vi.advanceTimersByTime(15_000);
    }
    vi.advanceTimersByTime(60_000);
    expect(shown().split('\n')).toEqual([
      expect.stringMatching(/nodes, 10 s$/),
      expect.stringMatching(/nodes, 20 s$/),
      '',
    ]);
  },
);

it('of two waits at once shows the newer, then the other', () => {
  const { output, shown } = open();
  using _ = output.waiting('ending p-1');
  {
    using __ = output.waiting('ending p-2');
    vi.advanceTimersByTime(500);
    expect(shown()).toContain('ending p-2');
  }
  vi.advanceTimersByTime(100);
  expect(shown()).toContain('ending p-1');
});
