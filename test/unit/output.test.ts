/** Lists on a terminal: columns stand below their titles, painted or not. */
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { Output } from '../../platform/cli/output/output.ts';

it.each([{}, { NO_COLOR: '1' }])('titles and cells of a list are aligned (%o)', async (env) => {
  const stream = () => Object.assign(new PassThrough(), { isTTY: true });
  const [stdout, stderr] = [stream(), stream()];
  const signal = new AbortController().signal;
  const context = { stdin: new PassThrough(), stdout, stderr, env, toolsFile: '', signal };
  const items = [
    { state: 'ok', found: 'Node' },
    { state: 'failing', found: 'nats-server' },
  ];
  await new Output(context, 'table').list(items, {
    columns: [
      { title: 'STATE', text: ({ state }) => state, style: ({ state }) => (state === 'ok' ? 'green' : 'red') },
      { title: 'FOUND', text: ({ found }) => found },
    ],
    name: ({ state }) => state,
    plain: (item) => item,
    empty: 'none',
  });
  const shown = String(stdout.read());
  expect(shown.includes('\u001b[32m')).toBe(!('NO_COLOR' in env));
  expect(stripVTControlCharacters(shown)).toBe('STATE    FOUND\nok       Node\nfailing  nats-server\n');
});
