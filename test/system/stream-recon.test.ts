/** Previews of a scan while it arrives, on a real pilot of two nodes, with files, and with frames that were lost on the way. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';

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

async function send(name: string, ...more: string[]): Promise<void> {
  const settings = ['rows=4', 'columns=64', 'angles=60', 'fields=2', 'order=interleaved', `name=${name}`];
  const args = ['source', 'run', 'lightsource', ...settings.flatMap((each) => ['--set', each]), ...more];
  const sent = await pilot.cli(args);
  expect(sent, sent.stderr).toMatchObject({ code: 0 });
}

/** Headers of a scan's previews, up to the last one. */
async function previews(name: string, count: number): Promise<Record<string, string>[]> {
  await using viewer = await pilot.events('viewer');
  const found: Record<string, string>[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const event of await viewer.read(`preview.${name}.xy`, { from: 'all', signal })) {
    found.push(event.headers);
    if (found.length === count) break;
  }
  return found;
}

it('shows two scans at a time, each in its order, and writes them', async () => {
  await Promise.all([send('one', '--rate', '200/s'), send('two', '--rate', '200/s', '--double', '10%')]);
  for (const name of ['one', 'two']) {
    const shown = await previews(name, 4);
    expect(shown.map((headers) => headers['Pilotfish-Frames'])).toEqual(['20', '40', '60', '60']);
    // Interleaved angles: before the end, what has not come yet counts as missing up to the highest one seen.
    expect(shown.at(-1)?.['Pilotfish-Missing']).toBe('0');
    expect(readdirSync(join(folder, `${name}-xy`)).sort()).toEqual(['00000.json', '00000.png', '00000.tif']);
  }
}, 120_000);

it('counts what was lost on the way, and gives none of it up', async () => {
  await send('gaps', '--lose', '10%', '--fault-seed', '3');
  const [last] = (await previews('gaps', 3)).slice(-1);
  expect(Number(last?.['Pilotfish-Missing'])).toBeGreaterThan(0);
  expect(Number(last?.['Pilotfish-Frames']) + Number(last?.['Pilotfish-Missing'])).toBe(60);
  expect((await pilot.client.nodes()).flatMap(({ instances }) => instances).length).toBeGreaterThan(0);
  await eventually(async () => (await pilot.client.list())[0]?.lag === 0, {
    timeoutMs: 30_000,
    what: 'all is handled',
  });
  const letters: unknown[] = [];
  for await (const letter of pilot.client.deadLetters('stream-recon')) letters.push(letter);
  expect(letters).toEqual([]);
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
  await using viewer = await pilot.events('viewer');
  const rows: string[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const { subject, headers } of await viewer.read('slices.lines.*', { from: 'all', signal })) {
    expect(headers).toMatchObject({
      'Pilotfish-Shape': '64,64',
      'Pilotfish-Frames': '60',
      'Pilotfish-Missing': '0',
      'Pilotfish-Recon': 'gridrec mode=accurate filter=parzen',
    });
    if (rows.push(subject) === 4) break;
  }
  expect(rows.sort()).toEqual([0, 1, 2, 3].map((row) => `slices.lines.${row}`));
  const written = readdirSync(join(folder, 'lines')).sort();
  expect(written).toEqual(expect.arrayContaining(['00000.png', '00003.json', '00003.png', 'recon-sinogram.zarr']));
}, 120_000);
