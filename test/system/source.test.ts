/** Sources against a real pilot: here and on its nodes, whole and with faults, and every message accounted for in the stream. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type SourceReport, sequenceHeader } from '../../functions/sources/index.ts';
import { TestPilot } from '../harness/pilot.ts';

let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-source-'));
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 3 });
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function run(...args: string[]): Promise<SourceReport> {
  const { code, stdout, stderr } = await pilot.cli(['source', 'run', ...args, '-o', 'json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as SourceReport;
}

/** Places of the run's messages, as the stream has them up to the reports that end the run. */
async function placesOf(
  subject: string,
): Promise<{ places: number[]; bytes: number; headers: Record<string, string>[] }> {
  await using source = await pilot.events('source');
  await source.publish(`${subject.split('.')[0]}.marker`, '');
  await source.flush();
  await using viewer = await pilot.events('viewer');
  const places: number[] = [];
  const headers: Record<string, string>[] = [];
  let bytes = 0;
  for await (const event of await viewer.read(`${subject.split('.')[0]}.>`, { from: 'all', headersOnly: true })) {
    if (event.subject.endsWith('.marker')) break;
    places.push(Number(event.headers[sequenceHeader]));
    headers.push(event.headers);
    bytes += event.bytes;
    expect(event.data.byteLength).toBe(0);
  }
  return { places, bytes, headers };
}

it('stores every message once, with what was lost and doubled on purpose counted', async () => {
  const faults = ['--lose', '5%', '--double', '5%', '--disorder', '10%', '--delay', '5%:50ms'];
  const report = await run(
    'synthetic',
    '--set',
    'name=here',
    '--set',
    'bytes=100',
    '--count',
    '400',
    '--producers',
    '2',
    ...faults,
  );
  const { places, bytes } = await placesOf('here.>');
  const seen = new Set(places);
  expect([...Array(400).keys()].filter((place) => !seen.has(place))).toEqual(report.lostPlaces);
  expect(report).toMatchObject({ made: 400, stored: places.length, bytes, producers: 2 });
  expect(report.lost).toBeGreaterThan(0);
  expect(places.length).toBe(400 - report.lost + report.doubled);
});

it('runs producers as instances on the nodes, and takes them away again', async () => {
  writeFileSync(
    join(folder, 'ticks.ts'),
    `interface Tick { readonly subject: string; readonly data: string }
     export default {
       about: 'ticks',
       settings: { word: { about: 'said each time', default: 'tick' } },
       open: ({ word }: Record<string, unknown>) => ({ message: (index: number): Tick => ({ subject: 'ticks.a', data: word + ' ' + index }) }),
     };`,
  );
  const args = [join(folder, 'ticks.ts'), '--set', 'word=tock', '--count', '50', '--producers', '2', '--on', 'nodes'];
  const report = await run(...args, '--run', 'ticks');
  expect(report).toMatchObject({ made: 50, stored: 50, producers: 2, lost: 0 });
  const { places, headers } = await placesOf('ticks.>');
  expect(places.sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
  expect(new Set(headers.map((each) => each['Pilotfish-Producer']))).toEqual(new Set(['0', '1']));
  expect((await pilot.client.list()).map(({ name }) => name)).toEqual([]);
  // Each producer's last message is its report: whoever reads the stream can tell that it has all.
  await using viewer = await pilot.events('viewer');
  const reports: number[] = [];
  for await (const event of await viewer.read('source.ticks.report.*', { from: 'all' })) {
    reports.push((JSON.parse(Buffer.from(event.data).toString()) as { stored: number }).stored);
    if (reports.length === 2) break;
  }
  expect(reports).toEqual([25, 25]);
});

it('runs producers of large frames on the nodes, too', async () => {
  const frames = ['rows=1024', 'columns=1024', 'angles=4', 'fields=1', 'scans=1', 'name=large'].flatMap((each) => [
    '--set',
    each,
  ]);
  const report = await run('lightsource', ...frames, '--on', 'nodes', '--producers', '2');
  expect(report).toMatchObject({ made: 7, stored: 7, bytes: 6 * 2 ** 21 });
  await using viewer = await pilot.events('viewer');
  let read = 0;
  for await (const event of await viewer.read('scan.large.frame', { from: 'all' })) {
    const data = await viewer.payload(event);
    expect(data.byteLength).toBe(event.bytes);
    read += data.byteLength;
    if (read === report.bytes) break;
  }
});

it('says what is wrong, with exit codes', async () => {
  const failure = async (...args: string[]) => await pilot.cli(['source', 'run', ...args]);
  expect(await failure('lightsouce')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('Did you mean "lightsource"'),
  });
  expect(await failure('kmeans', '--rate', 'soon')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('poisson'),
  });
  expect(await failure('kmeans', '--set', 'k=3')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no setting "k"'),
  });
  expect(await failure('lightsource', '--set', 'rows=0')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('rows is 0'),
  });
  writeFileSync(join(folder, 'empty.ts'), 'export default {};');
  expect(await failure(join(folder, 'empty.ts'))).toMatchObject({ code: 3, stderr: expect.stringContaining('lacks') });
});
