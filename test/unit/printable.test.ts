/** What functions and callers wrote is shown and not obeyed: by no table, no log line, no error, in no format. */
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import type { LogsResponse } from '#proto';
import { newCommand } from '../../platform/cli/command.ts';
import type { CliContext, CliStream } from '../../platform/cli/context.ts';
import { printFailure } from '../../platform/cli/failure.ts';
import { lineText } from '../../platform/cli/functions/logs.ts';
import { Output, type OutputFormat } from '../../platform/cli/output/output.ts';
import { printable, printableCell, printableEntry } from '../../platform/cli/output/printable.ts';
import { fc } from '../harness/properties.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
/** Clears the screen, sets the title, hides what follows, forges a line, turns the text around. */
const evil = '\u001b[2J\u001b]0;owned\u0007\u009b8m\r\nfn  fake\t0\b\u202eevil';
const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom(evil, 'plain', 'ü 😀 e\u0301'));

function contextOf(isTTY: boolean): { context: CliContext; shown: () => string } {
  const chunks: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY }) as CliStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString('utf8')));
  const signal = new AbortController().signal;
  const context = {
    stdin: Readable.from([]),
    stdout: stream,
    stderr: stream,
    env: { NO_COLOR: '1' },
    toolsFile: '',
    signal,
  };
  return { context, shown: () => chunks.join('') };
}

describe('printable()', () => {
  it('leaves nothing that a terminal obeys, and every other character', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(printable(text)).not.toMatch(obeyed);
        expect(printableCell(text)).not.toMatch(/[\n\t]/);
        for (const line of printableEntry(text).split('\n').slice(1)) expect(line).toMatch(/^ {2}/);
        if (!obeyed.test(text) && !/[\u061c\u200e\u200f\u2028\u2029]/.test(text)) expect(printable(text)).toBe(text);
      }),
    );
  });

  it('leaves JSON what it says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), texts, (value, text) => {
        const json = JSON.stringify({ value, text });
        expect(JSON.parse(printable(json))).toEqual(JSON.parse(json));
      }),
    );
  });
});

describe.each([true, false])('with a terminal: %s', (isTTY) => {
  it.each<OutputFormat>(['table', 'wide', 'json', 'yaml', 'name'])(
    'a list as %s holds as many rows as things, and no codes',
    async (format) => {
      const { context, shown } = contextOf(isTTY);
      await new Output(context, format).list([evil, 'plain'], {
        columns: [{ title: 'NAME', text: (name) => name, style: () => 'red' }],
        name: (name) => name,
        plain: (name) => ({ name }),
        empty: 'none',
      });
      expect(shown()).not.toMatch(obeyed);
      if (format === 'table') expect(shown().trimEnd().split('\n')).toHaveLength(3);
      if (format === 'json') expect(JSON.parse(shown()).items[0].name).toBe(evil);
    },
  );

  it('one thing, a page, a note and a line', async () => {
    const { context, shown } = contextOf(isTTY);
    const output = new Output(context, 'table');
    await output.one(evil, {}, [[evil, evil]]);
    await output.page(evil, {}, { title: evil, sections: [{ title: evil, rows: [[evil, evil]] }] });
    output.note(evil, { style: 'red', word: evil });
    output.line(evil);
    expect(shown()).not.toMatch(obeyed);
  });
});

it('a result goes to a pipe as it is, and to a terminal as text', async () => {
  const [pipe, terminal] = [contextOf(false), contextOf(true)];
  await new Output(pipe.context, 'table').bytes(Buffer.from(evil));
  await new Output(terminal.context, 'table').bytes(Buffer.from(evil));
  expect(pipe.shown()).toBe(evil);
  expect(terminal.shown()).not.toMatch(obeyed);
});

it('an error and its stack', () => {
  for (const argv of [[], ['-o', 'json']]) {
    const { context, shown } = contextOf(true);
    const error = new PlatformError('internal', evil, { hint: evil, foreignStack: evil, cause: new Error(evil) });
    printFailure(context, error, newCommand({ name: 'x', summary: 'x', examples: [] }), argv);
    expect(shown()).not.toMatch(obeyed);
  }
});

it('a line of a log cannot forge another one', () => {
  const line = {
    timeMs: 0,
    level: 'info',
    node: 'n1',
    instance: 'i',
    message: `a\n${new Date(0).toISOString()} ERROR n1/i b`,
  };
  expect(lineText(line as LogsResponse).split('\n')).toEqual([
    expect.stringMatching(/^1970.*a$/),
    expect.stringMatching(/^ {2}1970/),
  ]);
});
