/** Raw output of an instance: whole lines, a bounded number of them, how many were not, and the last ones for the reason of its end. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { SpawnerReport } from '#model';
import { LineForwarder } from '../../platform/spawner/forward-lines.ts';

type Told = Pick<Extract<SpawnerReport, { kind: 'output' }>, 'text' | 'dropped'>;

/** What is told of `chunks` that come at once. */
async function told(chunks: readonly string[]): Promise<Told[]> {
  const lines: Told[] = [];
  const forwarder = new LineForwarder(
    'i',
    ({ text, dropped }) => lines.push({ text, ...(dropped ? { dropped } : {}) }),
    () => 0,
  );
  const stream = new PassThrough();
  forwarder.forward(stream, 'error');
  const ended = new Promise((resolve) => stream.once('end', resolve));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await ended;
  return lines;
}

it('tells lines whole, however they come, and cuts those without an end', async () => {
  expect(await told(['on', 'e\ntw', 'o\n\nthree'])).toEqual([{ text: 'one' }, { text: 'two' }, { text: 'three' }]);
  const [line, ...others] = await told(['x'.repeat(100_000)]);
  expect({ length: line?.text.length, others }).toEqual({ length: 8_192, others: [] });
});

it('tells a flood by its first lines, its last ones, and their number', async () => {
  const chunk = `${'y\n'.repeat(9_999)}z\n`;
  const lines = await told([...Array.from({ length: 99 }, () => chunk), chunk, 'Error: a\nError: b\nError: c\n']);
  const dropped = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
  const kept = lines.filter((line) => line.dropped === undefined);
  expect(kept.length).toBeLessThanOrEqual(2_003);
  expect(kept.length + dropped).toBe(1_000_003);
  expect(kept.slice(-3).map(({ text }) => text)).toEqual(['Error: a', 'Error: b', 'Error: c']);
});
