/** A tiny study on a pilot of its own: figures, page and table; the second time nothing is measured again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../harness/pilot.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('measures each case once, and says what came out', async () => {
  const processor = join(import.meta.dirname, '../../functions/kmeans');
  const study = join(folder, 'study.yaml');
  const write = (repeats: number) =>
    writeFileSync(
      study,
      `name: tiny
pilots: [{ nodes: 1, coresPerNode: 3, storeSize: 512MiB }]
experiments:
  - { name: source, source: synthetic, sizes: { 1 KB: { bytes: 1000 } }, messages: 50, warmUp: 0, repeats: 1 }
  - { name: points, processor: ${processor}, source: kmeans, settings: { points: 100, keys: 4 }, instances: [1, 2], messages: 60, warmUp: 10, repeats: ${repeats} }
`,
    );
  write(1);
  const run = () =>
    runCli(['bench', 'run', study, '--out', join(folder, 'out'), '-o', 'json'], {
      PILOTFISH_HOME: join(folder, 'home'),
    });
  const first = await run();
  expect(first, first.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({ ran: 3, kept: 0, failed: 0, left: 0 });
  const records = readFileSync(join(folder, 'out/results.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records).toMatchObject([
    { experiment: 'source', messages: 50, measured: null },
    {
      experiment: 'points',
      instances: 1,
      messages: 70,
      lost: 0,
      deadLetters: 0,
      measured: { handled: 70, counted: 59 },
    },
    {
      experiment: 'points',
      instances: 2,
      messages: 70,
      lost: 0,
      deadLetters: 0,
      measured: { handled: 70, counted: 58 },
    },
  ]);
  const page = readFileSync(join(folder, 'out/report.html'), 'utf8');
  expect(page.match(/<svg/g)).toHaveLength(5);
  expect(readFileSync(join(folder, 'out/results.csv'), 'utf8').trim().split('\r\n')).toHaveLength(4);

  expect(JSON.parse((await run()).stdout)).toMatchObject({ ran: 0, kept: 3 });
  // One repeat more is two more cases; those that have figures keep them.
  write(2);
  expect(JSON.parse((await run()).stdout)).toMatchObject({ ran: 2, kept: 3 });
}, 120_000);
