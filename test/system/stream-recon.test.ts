/** Previews and averages of a scan while it arrives, on a real pilot of two nodes, with files, and with frames that were lost on the way. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode as decodePng } from 'fast-png';
import { decode as decodeTiff } from 'tiff';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reconstruct } from '../../functions/kernels/index.ts';
import { builtInSources, resolveSettings } from '../../functions/sources/index.ts';
import { parseSinogramHeaders } from '../../functions/sources/messages.ts';
import { TestPilot } from '../harness/pilot.ts';
import { untilIdle } from '../harness/until-idle.ts';
import { openZarr } from '../harness/zarr.ts';
import { expectClose } from '../unit/functions/closeness.ts';

const entry = join(import.meta.dirname, '../../functions/stream-recon/stream-recon.ts');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-previews-'));
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  const config = { window: 60, every: 20, rows: 4, files: { folder, format: 'tiff', png: true } };
  const manifest = {
    entry,
    on: [{ subject: 'scan.*.*' }],
    order: { key: '{1}' },
    permissions: { write: [folder] },
    resources: { memory: '512MiB' },
    scale: { min: 2, max: 2 },
    config,
  };
  const project = mkdtempSync(join(folder, 'project-'));
  writeFileSync(join(project, 'pilotfish.yaml'), JSON.stringify({ functions: { 'stream-recon': manifest } }));
  const deployed = await pilot.cli(['deploy', project]);
  expect(deployed, deployed.stderr).toMatchObject({ code: 0 });
}, 120_000);

afterAll(async () => {
  await pilot?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const settingsOf = (name: string) => [
  'rows=4',
  'columns=64',
  'angles=60',
  'fields=2',
  'order=interleaved',
  `name=${name}`,
];

async function send(name: string, ...more: string[]): Promise<void> {
  const settings = settingsOf(name);
  const args = ['source', 'run', 'lightsource', ...settings.flatMap((each) => ['--set', each]), ...more];
  const sent = await pilot.cli(args);
  expect(sent, sent.stderr).toMatchObject({ code: 0 });
}

interface Picture {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly values: Float32Array;
}

/** The first events under a subject. */
async function pictures(subject: string, count: number): Promise<Picture[]> {
  await using viewer = await pilot.events('viewer');
  const found: Picture[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const event of await viewer.read(subject, { from: 'all', signal })) {
    found.push({ ...event, values: new Float32Array(Uint8Array.from(event.data).buffer) });
    if (found.length === count) break;
  }
  return found;
}

/** Levels of grey from black at the lower to white at the upper percentile, as the files' default says. */
function greyOf(values: Float32Array): number[] {
  const sorted = values.toSorted();
  const at = (percent: number) => sorted[Math.round(((sorted.length - 1) * percent) / 100)] as number;
  const [low, high] = [at(0.5), at(99.5)];
  return Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low)))));
}

/** No level further off than one: the last bit of a rounding. */
function expectGrey(file: string, values: Float32Array): void {
  const { width, height, depth, channels, data } = decodePng(readFileSync(file));
  expect({ width, height, depth, channels }).toEqual({ width: 64, height: 64, depth: 8, channels: 1 });
  const wanted = greyOf(values);
  expect(Math.max(...wanted.map((level, i) => Math.abs(level - (data[i] as number))))).toBeLessThanOrEqual(1);
  expect(new Set(data).size).toBeGreaterThan(16);
}

it('shows two scans at a time, each in its order, and writes them', async () => {
  await Promise.all([send('one', '--rate', '200/s'), send('two', '--rate', '200/s', '--double', '10%')]);
  for (const name of ['one', 'two']) {
    const shown = await pictures(`preview.${name}.xy`, 4);
    expect(shown.map(({ headers }) => headers['Pilotfish-Frames'])).toEqual(['20', '40', '60', '60']);
    // Interleaved angles: before the end, what has not come yet counts as missing up to the highest one seen.
    expect(shown.at(-1)?.headers['Pilotfish-Missing']).toBe('0');
    const place = join(folder, `${name}-xy`);
    expect(readdirSync(place).sort()).toEqual(['00000.json', '00000.png', '00000.tif']);
    // The files are of the last preview.
    const { values } = shown.at(-1) as Picture;
    expect(decodeTiff(readFileSync(join(place, '00000.tif')))[0]?.data).toEqual(values);
    expectGrey(join(place, '00000.png'), values);
  }
}, 120_000);

// Before a scan that is torn lies in the stream: it would be followed until its gap.
it('averages a scan while it is taken', async () => {
  const manifest = {
    entry: join(import.meta.dirname, '../../functions/scan-average/scan-average.ts'),
    on: [
      {
        subject: 'scan.*.frame',
        gather: { key: '{1}', gap: '30s', timeout: '2m', streaming: true, onIncomplete: 'run' },
      },
    ],
    output: 'average.{1}',
    config: { every: 20 },
  };
  const project = mkdtempSync(join(folder, 'project-'));
  writeFileSync(join(project, 'pilotfish.yaml'), JSON.stringify({ functions: { 'scan-average': manifest } }));
  const deployed = await pilot.cli(['deploy', project, '--skip-types']);
  expect(deployed, deployed.stderr).toMatchObject({ code: 0 });
  await send('whole', '--rate', '200/s');
  const shown = await pictures('average.whole', 4);
  expect(shown.map(({ headers }) => headers['Pilotfish-Frames'])).toEqual(['20', '40', '60', '60']);
  expect(shown.map(({ headers }) => headers['Pilotfish-Closed'])).toEqual([
    undefined,
    undefined,
    undefined,
    'complete',
  ]);
  for (const { headers, values } of shown) {
    expect(headers).toMatchObject({ 'Pilotfish-Shape': '4,64', 'Pilotfish-Unit': 'transmission' });
    // The phantom lets some of the beam through, and at its edges nearly all of it.
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeGreaterThan(0.9);
    expect(Math.max(...values)).toBeLessThan(1.1);
  }
  await untilIdle(pilot, 'scan-average');
  expect(await Array.fromAsync(pilot.client.deadLetters('scan-average'))).toEqual([]);
}, 120_000);

it('counts what was lost on the way, and gives none of it up', async () => {
  await send('gaps', '--lose', '10%', '--fault-seed', '3');
  const last = (await pictures('preview.gaps.xy', 3)).at(-1)?.headers;
  expect(Number(last?.['Pilotfish-Missing'])).toBeGreaterThan(0);
  expect(Number(last?.['Pilotfish-Frames']) + Number(last?.['Pilotfish-Missing'])).toBe(60);
  expect((await pilot.client.nodes()).flatMap(({ instances }) => instances).length).toBeGreaterThan(0);
  await untilIdle(pilot, 'stream-recon');
  expect(await Array.fromAsync(pilot.client.deadLetters('stream-recon'))).toEqual([]);
}, 120_000);

it('reconstructs sinograms that come as messages, and writes the slices as files', async () => {
  const manifest = {
    entry: join(import.meta.dirname, '../../functions/recon-sinogram/recon-sinogram.ts'),
    on: [{ subject: 'sinogram.*.*' }],
    permissions: { write: [folder] },
    config: { algorithm: 'gridrec', filter: 'parzen', rows: 4, files: { folder, format: 'zarr', png: true } },
  };
  const project = mkdtempSync(join(folder, 'project-'));
  writeFileSync(join(project, 'pilotfish.yaml'), JSON.stringify({ functions: { 'recon-sinogram': manifest } }));
  const deployed = await pilot.cli(['deploy', project, '--skip-types']);
  expect(deployed, deployed.stderr).toMatchObject({ code: 0 });
  await send('lines', '--set', 'send=sinograms');
  const slices = await pictures('slices.lines.*', 4);
  const rowOf = ({ subject }: Picture) => Number(subject.split('.')[2]);
  expect(slices.map(rowOf).sort()).toEqual([0, 1, 2, 3]);
  const place = join(folder, 'lines');
  const stack = openZarr(join(place, 'recon-sinogram.zarr'));
  expect(stack).toMatchObject({ shape: [4, 64, 64], attributes: { scan: 'lines', function: { version: 1 } } });
  const expected = await expectedSlices('lines');
  for (const slice of slices) {
    expect(slice.headers).toMatchObject({
      'Pilotfish-Shape': '64,64',
      'Pilotfish-Frames': '60',
      'Pilotfish-Missing': '0',
      'Pilotfish-Recon': 'gridrec mode=accurate filter=parzen',
    });
    const row = rowOf(slice);
    expect(stack.chunk(row, 0, 0)).toEqual(slice.values);
    expectClose(slice.values, expected.get(row) ?? []);
    expectGrey(join(place, `0000${row}.png`), slice.values);
    const { function: made, ...about } = JSON.parse(readFileSync(join(place, `0000${row}.json`), 'utf8'));
    expect(about).toMatchObject({ scan: 'lines', row, framesUsed: 60, framesMissing: 0 });
    expect(`${made.name}@${made.version}`).toBe(slice.headers['Pilotfish-Function']);
  }
}, 120_000);

/** Slices by row, from the source's own messages, by the plain TypeScript. */
async function expectedSlices(name: string): Promise<Map<number, Float32Array>> {
  const source = builtInSources['lightsource'] as NonNullable<(typeof builtInSources)[string]>;
  const settings = resolveSettings(source, [...settingsOf(name), 'send=sinograms']);
  const opened = await source.open(settings, { run: 'reference' });
  const slices = new Map<number, Float32Array>();
  for (let place = 0; place < (opened.count ?? 0); place++) {
    const { data, headers = {} } = opened.message(place);
    const { rows, columns, theta, firstRow } = parseSinogramHeaders((header) => headers[header]);
    const sinogram = new Float32Array(Uint8Array.from(data as Uint8Array).buffer);
    const scan = { sinogram, slices: rows, angles: theta.length, columns, theta };
    const values = reconstruct({ ...scan, mode: 'accurate', filter: 'parzen' });
    const pixels = columns * columns;
    for (let row = 0; row < rows; row++) slices.set(firstRow + row, values.subarray(row * pixels, (row + 1) * pixels));
  }
  return slices;
}
