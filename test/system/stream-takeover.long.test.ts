/**
 * A preview outlives whoever makes it: in the middle of a scan its instance is killed with -9, then the agent of the node it moved to.
 * The next one goes on with the darks and flats, shows what comes from then on, and says how much is missing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { phantomScan } from '../../functions/sources/phantom-scan.ts';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';

const [rows, columns, angles, every] = [4, 64, 400, 10];
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-takeover-'));
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  const manifest = {
    entry: join(import.meta.dirname, '../../functions/stream-recon/stream-recon.ts'),
    on: [{ subject: 'scan.*.*' }],
    order: { key: '{1}' },
    scale: { min: 2, max: 2 },
    config: { window: angles, every, rows },
  };
  writeFileSync(join(folder, 'pilotfish.yaml'), JSON.stringify({ functions: { 'stream-recon': manifest } }));
  const deployed = await pilot.cli(['deploy', folder]);
  expect(deployed, deployed.stderr).toMatchObject({ code: 0 });
}, 120_000);

afterAll(async () => {
  await pilot?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Shown {
  readonly frames: number;
  readonly missing: number;
  readonly instance: string;
  readonly node: string;
  readonly values: Float32Array;
}

/** What was shown so far, kept up to date until the test ends. */
async function follow(signal: AbortSignal): Promise<Shown[]> {
  const viewer = await pilot.events('viewer');
  const events = await viewer.read('preview.tooth.xy', { from: 'all', signal });
  const shown: Shown[] = [];
  const reading = (async () => {
    for await (const { headers, data } of events) {
      shown.push({
        frames: Number(headers['Pilotfish-Frames']),
        missing: Number(headers['Pilotfish-Missing']),
        instance: headers['Pilotfish-Instance'] ?? '',
        node: headers['Pilotfish-Node'] ?? '',
        values: new Float32Array(Uint8Array.from(data).buffer),
      });
    }
  })();
  void reading.catch(() => undefined).finally(() => viewer.close());
  return shown;
}

/** The instance that shows the scan now, by its last preview; another one than `before`, with some pictures of its own. */
function showing(shown: readonly Shown[], before: string, what: string): Promise<Shown> {
  const find = () => {
    const last = shown.at(-1);
    const own = shown.filter(({ instance }) => instance === last?.instance).length;
    return last && last.instance !== before && own >= 2 ? last : undefined;
  };
  return eventually(find, { timeoutMs: 60_000, what });
}

/** Pearson's correlation inside the phantom's disk. */
function likeness(values: Float32Array, truth: Float32Array): number {
  const inside = [...values.keys()].filter((i) => {
    const [x, y] = [(i % columns) + 0.5 - columns / 2, Math.floor(i / columns) + 0.5 - columns / 2];
    return x * x + y * y < (0.45 * columns) ** 2;
  });
  const mean = (of: Float32Array) => inside.reduce((sum, i) => sum + (of[i] as number), 0) / inside.length;
  const [a, b] = [mean(values), mean(truth)];
  const product = (of: Float32Array, from: number, other: Float32Array, to: number) =>
    inside.reduce((sum, i) => sum + ((of[i] as number) - from) * ((other[i] as number) - to), 0);
  return product(values, a, truth, b) / Math.sqrt(product(values, a, values, a) * product(truth, b, truth, b));
}

it('goes on after kill -9 of its instance, and of the agent of the node it moved to', async () => {
  const stop = new AbortController();
  const shown = await follow(stop.signal);
  const set = [`rows=${rows}`, `columns=${columns}`, `angles=${angles}`, 'fields=2', 'order=interleaved', 'name=tooth'];
  const args = ['source', 'run', 'lightsource', '--rate', '12/s', ...set.flatMap((each) => ['--set', each])];
  const sending = pilot.cli(args);

  const first = await showing(shown, '', 'a first preview');
  const instance = (await pilot.client.get('stream-recon')).instances.find(({ id }) => id === first.instance);
  process.kill(instance?.pid ?? Number.NaN, 'SIGKILL');
  const second = await showing(shown, first.instance, 'a preview of another instance');
  process.kill(pilot.pid(second.node, 'agent'), 'SIGKILL');
  const third = await showing(shown, second.instance, 'a preview after the agent was killed');

  const sent = await sending;
  expect(sent, sent.stderr).toMatchObject({ code: 0 });
  const isWhole = ({ frames, missing }: Shown) => frames + missing === angles;
  const last = await eventually(() => shown.findLast(isWhole), { timeoutMs: 60_000, what: 'the preview of the end' });
  stop.abort();
  // Every successor began anew, said so, and showed what it had.
  expect(second.missing).toBeGreaterThan(0);
  expect(third.missing).toBeGreaterThan(0);
  expect(last.frames).toBeGreaterThan(every);
  const { truth } = phantomScan({ scan: 'tooth', rows, columns, angles, seed: 1 });
  expect(likeness(last.values, truth(rows / 2))).toBeGreaterThan(0.8);
  const letters: unknown[] = [];
  for await (const letter of pilot.client.deadLetters('stream-recon')) letters.push(letter);
  expect(letters).toEqual([]);
}, 240_000);
