/** pilotevents.py with the real nats-py, from pip in a virtual environment, against a real pilot; and what the TypeScript client sees of it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectEvents } from '#client';
import { readConnectionFile } from '#pilot';
import { frameValues, parseFrameHeaders } from '../../functions/sources/index.ts';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const packages = ['nats-py[nkeys]==2.16.0', 'numpy'];
const installMsMax = 180_000;

let folder = '';
let missing = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-python-'));
  try {
    await run('python3', ['-m', 'venv', folder], { timeout: installMsMax });
    await run(join(folder, 'bin/pip'), ['install', '--quiet', ...packages], { timeout: installMsMax });
  } catch (error) {
    missing = `pip cannot install ${packages.join(' and ')} here: ${String(error).split('\n')[0]}`;
  }
}, 2 * installMsMax);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('publishes and reads arrays, in a loop and in a script, once each', async (context) => {
  if (missing !== '') context.skip(missing);
  await using pilot = await TestPilot.start();
  await using source = await pilot.events('source');
  // Over 1 MiB: it lies in a file, and the event names it.
  const large = { 'Pilotfish-Shape': '1024,1024', 'Pilotfish-Dtype': 'u16' };
  await source.publish('large.a', new Uint8Array(2 ** 21).fill(1), { headers: large });
  await source.flush();
  // Packs, with headers of a member's own and without.
  expect(await pilot.cli(['pub', 'packed.a', '-d', 'text {n}', '--count', '39', '--pack'])).toMatchObject({ code: 0 });
  await using packing = await pilot.events('source', { pack: true });
  await packing.publish('packed.b', 'text 39', { headers: { Colour: 'red' } });
  await packing.flush();
  const connection = join(pilot.directory, 'connection.json');
  const token = join(folder, 'token.json');
  expect(await pilot.cli(['auth', 'token', 'create', '--role', 'deploy', '--out', token])).toMatchObject({ code: 0 });
  await eventually(async () => (await connectEvents(readConnectionFile(token), 'viewer')).close().then(() => true), {
    what: 'the streams know the token',
    timeoutMs: 30_000,
  });
  const broken = join(folder, 'broken.json');
  writeFileSync(`${broken}.broken`, '{"brokers": 1}');
  const program = [join(root, 'test/fixtures/python_events.py'), connection, token];
  const { stdout } = await run(join(folder, 'bin/python'), program, {
    env: { ...process.env, PYTHONPATH: join(root, 'platform/client/python'), PYTHONDONTWRITEBYTECODE: '1' },
    timeout: 60_000,
  });
  const found = JSON.parse(stdout) as {
    loop: object;
    script: object;
    large: unknown;
    packed: unknown;
    token: object;
    errors: string[];
  };
  expect(found.loop).toEqual({ same: true, dtypes: ['uint16'], ids: true, part: 'dark:7', counts: [51, 51] });
  expect(found.script).toEqual({ same: true, text: 'hello', refused: Array(9).fill(true) });
  expect(found.large).toEqual([[1024, 1024], 2 ** 20 * 257]);
  const texts = Array.from({ length: 40 }, (_, at) => [`text ${at}`, at === 39 ? 'red' : '', true]);
  expect(found.packed).toEqual(texts);
  const colours = ['token.a', true, { Colour: 'red' }];
  expect(found.token).toEqual({ before: true, packs: true, new: colours, times: true });
  expect(found.errors).toEqual([
    expect.stringContaining('no connection file'),
    expect.stringContaining('no connection file'),
  ]);

  // The same headers as our own: a function cannot tell who sent a frame.
  await using viewer = await pilot.events('viewer');
  for await (const event of await viewer.read('arrays.1', { from: 'all' })) {
    const frame = parseFrameHeaders((name) => event.headers[name]);
    expect(frame).toEqual({ kind: 'dark', index: 1, rows: 3, columns: 4, dtype: 'u16' });
    expect(Array.from(frameValues({ ...frame, data: event.data }))).toEqual(
      Array.from({ length: 12 }, (_, i) => 100 + i),
    );
    break;
  }
}, 120_000);
