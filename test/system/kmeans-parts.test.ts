/** One k-means model from sums that are made everywhere, on a real pilot, while its instances are killed with -9: each batch counts once. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type KMeansModel,
  mergeParts,
  type SharedModel,
  sharedModel,
  startModel,
  sumBatch,
  updateModel,
} from '../../functions/kernels/index.ts';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { seededRandom } from '../harness/random-faults.ts';

const batches = 160;
const pointsEach = 300;
const window = 8;
/** Far from each other, so that a point's centre does not depend on when it is looked at; the model begins beside them. */
const hidden = [
  [0, 0, 0],
  [10, 0, 5],
  [0, 10, -5],
  [-10, -10, 0],
];
const centres = hidden.map((centre) => centre.map((coordinate) => coordinate + 1.5));
const folder = new FunctionFolder();
let pilot: TestPilot;

interface Shown extends Omit<SharedModel, 'model'> {
  readonly centres: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  const entry = join(import.meta.dirname, '../../functions/kmeans-parts/kmeans-parts.ts');
  const path = folder.write('project', '');
  const shared = { entry, retry: { attempts: 10, min: '10ms', max: '100ms' }, scale: { min: 2, max: 2 } };
  // The second one forgets, and on its key the points lie in each other's way: what comes out depends on who saw which model.
  const of = (key: string, config: object) => ({
    ...shared,
    on: [
      { name: 'points', subject: 'points.*', filter: { subjects: [`points.${key}`] } },
      {
        name: 'sums',
        subject: 'sums.*',
        filter: { subjects: [`sums.${key}`] },
        window: { key: '{1}', count: window, timeout: '10s' },
      },
    ],
    config: { ...config, lateMax: 64 },
  });
  const functions = {
    apart: of('apart', { centres, decay: 1 }),
    mixed: of('mixed', { centres: centres.map((row) => row.map((value) => value / 8)), decay: 0.9 }),
  };
  writeFileSync(join(path, 'pilotfish.yaml'), JSON.stringify({ functions }));
  await deployFolder(pilot, path);
}, 120_000);

afterAll(async () => {
  folder[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** The same for the same place. */
function batchOf(key: string, place: number): Float64Array {
  const random = seededRandom(place + 1);
  const spread = key === 'apart' ? 1 : 20;
  const scale = key === 'apart' ? 1 : 1 / 8;
  return Float64Array.from({ length: pointsEach * 3 }, (_, i) => {
    const centre = Math.floor(i / 3) % hidden.length;
    return scale * ((hidden[centre]?.[i % 3] ?? 0) + spread * (random() - 0.5));
  });
}

const batchesOf = (key: string) => Array.from({ length: batches }, (_, place) => batchOf(key, place));

async function show(key: string): Promise<Shown> {
  const { payload } = await pilot.client.invoke(key, Buffer.from(key));
  return JSON.parse(Buffer.from(payload).toString('utf8')) as Shown;
}

/** Ids of batches end with their sequences in the stream, which follow each other as the places do. */
function placesOf({ steps }: Shown): Map<string, number> {
  const sequence = (id: string) => Number(id.split('.').at(-1));
  const ids = new Set(steps.flatMap((step) => step.parts.map(({ id }) => id)));
  return new Map([...ids].sort((a, b) => sequence(a) - sequence(b)).map((id, place) => [id, place]));
}

function startOf(key: string): KMeansModel {
  const scale = key === 'apart' ? 1 : 1 / 8;
  return startModel(
    Float64Array.from(centres.flat(), (value) => value * scale),
    hidden.length,
    3,
  );
}

async function sendAndKill(): Promise<number> {
  await using source = await pilot.events('source');
  const headers = { 'Pilotfish-Shape': `${pointsEach},3`, 'Pilotfish-Dtype': 'f64' };
  let kills = 0;
  for (let place = 0; place < batches; place++) {
    for (const key of ['apart', 'mixed']) {
      const data = new Uint8Array(batchOf(key, place).buffer);
      await source.publish(`points.${key}`, data, { headers });
    }
    if (place % 40 !== 39) continue;
    await source.flush();
    // Whoever is at work just now, with sums on their way to the stream or a step half made.
    for (const key of ['apart', 'mixed']) {
      const pid = (await pilot.client.get(key)).instances[0]?.pid;
      if (pid && killed(pid)) kills++;
    }
  }
  await source.flush();
  return kills;
}

/** False when it has ended meanwhile. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

it('counts each batch once, under kill -9 of instances, and comes to what one process comes to', async () => {
  expect(await sendAndKill()).toBeGreaterThan(0);
  const shown: Record<string, Shown> = {};
  for (const key of ['apart', 'mixed']) {
    const found = await eventually(
      async () => {
        const now = await show(key);
        return now.merged + now.leftOut >= batches ? now : undefined;
      },
      { timeoutMs: 90_000, what: `all sums of ${key} are merged` },
    );
    shown[key] = found;
    expect(found).toMatchObject({ merged: batches, leftOut: 0, version: found.steps.length });
    expect(placesOf(found).size).toBe(batches);
  }
  let reference = startOf('apart');
  for (const points of batchesOf('apart'))
    reference = updateModel(reference, sumBatch(reference, points), { decay: 1, unit: 'batches' });
  expect(shown['apart']?.weights).toEqual(Array.from(reference.weights));
  expect(shown['apart']?.centres.flat()).toEqual(Array.from(reference.centres, (value) => expect.closeTo(value, 9)));
  for (const [at, centre] of (shown['apart']?.centres ?? []).entries())
    expect(centre).toEqual(hidden[at]?.map((value) => expect.closeTo(value, 1)));
}, 180_000);

it('says what the model was made of, so that anybody comes to the same', async () => {
  for (const [key, decay] of [
    ['apart', 1],
    ['mixed', 0.9],
  ] as const) {
    const shown = await show(key);
    const places = placesOf(shown);
    const all = batchesOf(key);
    const versions = [sharedModel(startOf(key))];
    for (const step of shown.steps.toReversed()) {
      const parts = step.parts.map(({ id, version }) => {
        const seen = versions[version]?.model as KMeansModel;
        return { id, version, ...sumBatch(seen, all[places.get(id) as number] as Float64Array) };
      });
      const options = { decay, unit: 'batches', lateMax: 64 } as const;
      versions.push(mergeParts(versions.at(-1) as SharedModel, parts, options).shared);
    }
    const { model } = versions.at(-1) as SharedModel;
    expect(shown.weights).toEqual(Array.from(model.weights, (value) => expect.closeTo(value, 6)));
    expect(shown.centres.flat()).toEqual(Array.from(model.centres, (value) => expect.closeTo(value, 9)));
  }
}, 60_000);

it('publishes each step, one after the other, as a model', async () => {
  await using viewer = await pilot.events('viewer');
  const { version } = await show('apart');
  const published: number[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const { headers, data } of await viewer.read('kmeans.apart', { from: 'all', signal })) {
    expect(headers).toMatchObject({ 'Pilotfish-Shape': '4,3', 'Pilotfish-Dtype': 'f64' });
    expect(new Float64Array(Uint8Array.from(data).buffer).every(Number.isFinite)).toBe(true);
    published.push(Number(headers['Pilotfish-Model-Version']));
    if (Math.max(...published) === version) break;
  }
  expect(published.length).toBeLessThanOrEqual(version);
}, 90_000);
