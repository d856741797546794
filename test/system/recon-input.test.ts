/** What an instrument may send by mistake, through functions on a pilot: a slice that is right and says what is odd, or a dead letter that says why. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reconstruct } from '../../functions/kernels/index.ts';
import { deployFolder } from '../harness/deploy-folder.ts';
import { eventually } from '../harness/eventually.ts';
import { TestPilot } from '../harness/pilot.ts';
import { seededRandom } from '../harness/random-faults.ts';
import { expectClose } from '../unit/functions/closeness.ts';

const functions = join(import.meta.dirname, '../../functions');
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 1, coresPerNode: 4 });
  const config = { centre: 8, maskRatio: 0 };
  for (const [name, own] of Object.entries({
    split: {},
    gridrec: config,
    'recon-sinogram': {},
    'stream-recon': { rows: 2 },
  }))
    await deployFolder(pilot, join(functions, name), own);
}, 120_000);

afterAll(async () => {
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

interface Message {
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const evenAngles = (count: number) => Float64Array.from({ length: count }, (_, at) => (Math.PI * at) / count);

function sinogram(rows: number, theta: Float64Array, columns: number, fill?: number) {
  const random = seededRandom(rows * 1_000 + columns);
  const values = Float32Array.from({ length: rows * theta.length * columns }, () => fill ?? random());
  const headers = {
    'Pilotfish-Shape': `${rows},${theta.length},${columns}`,
    'Pilotfish-Dtype': 'f32',
    'Pilotfish-Thetas': theta.join(','),
  };
  return { values, rows, theta, columns, headers, data: new Uint8Array(values.buffer) };
}

const usual = () => sinogram(1, evenAngles(6), 16);

function spoiled(at: number, value: number): Message {
  const { values, headers, data } = usual();
  values[at] = value;
  return { data, headers };
}

async function send(messages: Readonly<Record<string, Message>>, subjectOf: (name: string) => string): Promise<void> {
  await using source = await pilot.events('source');
  for (const [name, { data, headers }] of Object.entries(messages))
    await source.publish(subjectOf(name), data, { headers });
  await source.flush();
}

/** Reasons of a function's dead letters, by a token of their subjects, once there are letters of so many subjects. */
async function letters(name: string, count: number): Promise<{ of(token: string): string | undefined }> {
  return eventually(
    async () => {
      const found = await Array.fromAsync(pilot.client.deadLetters(name));
      const reasons = new Map(found.map(({ subject, reason }) => [subject, reason]));
      const of = (token: string) => [...reasons].find(([subject]) => subject.split('.').includes(token))?.[1];
      return reasons.size >= count ? { of } : undefined;
    },
    { timeoutMs: 60_000, what: `${count} dead letters of ${name}` },
  );
}

interface Slice {
  readonly headers: Readonly<Record<string, string>>;
  readonly values: Float32Array;
}

async function slices(subject: string, count: number): Promise<Map<string, Slice>> {
  await using viewer = await pilot.events('viewer');
  const found = new Map<string, Slice>();
  const signal = AbortSignal.timeout(60_000);
  for await (const event of await viewer.read(subject, { from: 'all', signal })) {
    found.set(event.subject, { headers: event.headers, values: new Float32Array(Uint8Array.from(event.data).buffer) });
    if (found.size === count) break;
  }
  return found;
}

it('refuses sinograms that make no sense, each with its reason', async () => {
  const { data, headers } = usual();
  const degrees = Float64Array.from({ length: 6 }, (_, at) => 30 * at);
  const bad: Record<string, [Message, RegExp]> = {
    nan: [spoiled(37, Number.NaN), /NaN at slice 0, angle 2, column 5/],
    inf: [spoiled(3, Number.NEGATIVE_INFINITY), /-Infinity at slice 0, angle 0, column 3/],
    dtype: [{ data, headers: { ...headers, 'Pilotfish-Dtype': 'u16' } }, /Pilotfish-Dtype is "u16"; f32 is expected/],
    short: [{ data: data.subarray(4), headers }, /has 380 bytes; its shape needs 384/],
    thetas: [{ data, headers: { ...headers, 'Pilotfish-Thetas': '0,1,2' } }, /Pilotfish-Thetas/],
    degrees: [{ data, headers: { ...headers, 'Pilotfish-Thetas': degrees.join(',') } }, /look like degrees/],
    column: [sinogram(1, evenAngles(6), 1), /columns is 1/],
    rows: [
      { data: new Uint8Array(0), headers: { ...headers, 'Pilotfish-Shape': '0,6,16' } },
      /Pilotfish-Shape is "0,6,16"/,
    ],
    bare: [{ data, headers: {} }, /Pilotfish-Shape is missing/],
    wide: [sinogram(1, Float64Array.of(0), 16_384, 1), /need a frequency grid of 32768 x 32768/],
  };
  const messages = Object.fromEntries(Object.entries(bad).map(([name, [message]]) => [name, message]));
  await send(messages, (name) => `sinogram.${name}.0`);
  const reasons = await letters('recon-sinogram', Object.keys(bad).length);
  for (const [name, [, reason]] of Object.entries(bad)) expect(reasons.of(name), name).toMatch(reason);
}, 120_000);

it('reconstructs odd ones as the plain TypeScript does, and says what is doubtful', async () => {
  const random = seededRandom(5);
  const irregular = Float64Array.from({ length: 7 }, () => 3 * random());
  const odd = {
    one: sinogram(1, Float64Array.of(0.3), 33),
    three: sinogram(3, irregular, 31),
    zeros: sinogram(1, evenAngles(5), 17, 0),
    turns: sinogram(
      1,
      Float64Array.from({ length: 12 }, (_, at) => at),
      16,
    ),
  };
  await send(odd, (name) => `sinogram.odd-${name}.0`);
  const found = await slices('slices.*.*', 6);
  for (const [name, { values, rows, theta, columns }] of Object.entries(odd)) {
    const scan = { sinogram: values, slices: rows, angles: theta.length, columns, theta };
    const expected = reconstruct({ ...scan, mode: 'accurate', filter: 'shepp' });
    for (let row = 0; row < rows; row++) {
      const slice = found.get(`slices.odd-${name}.${row}`);
      expect(slice?.headers, name).toMatchObject({ 'Pilotfish-Shape': `${columns},${columns}` });
      const part = expected.subarray(row * columns ** 2, (row + 1) * columns ** 2);
      if (name === 'zeros') expect(slice?.values).toEqual(part);
      else expectClose(slice?.values ?? [], part);
    }
  }
  const doubtOf = (name: string) => found.get(`slices.odd-${name}.0`)?.headers['Pilotfish-Doubts'];
  expect(doubtOf('one')).toMatch(/one angle only/);
  expect(doubtOf('turns')).toMatch(/more than one turn; if these are degrees/);
  expect(doubtOf('three')).toBeUndefined();
}, 120_000);

/** Frames of a scan of 3 rows x 16 columns, f32; `spoil` changes the counts of a part. */
function scanMessages(
  angles: number,
  spoil: Readonly<Record<string, (values: Float32Array) => void>>,
  degrees = 1,
): Record<string, Message> {
  const counts: Record<string, number> = { 'dark:0': 10, 'flat:0': 1_010 };
  for (let at = 0; at < angles; at++) counts[`projection:${at}`] = 510;
  const messages: Record<string, Message> = {};
  for (const [part, count] of Object.entries(counts)) {
    const values = new Float32Array(3 * 16).fill(count);
    spoil[part]?.(values);
    const theta = (degrees * Math.PI * Number(part.split(':')[1])) / angles;
    const own = part.startsWith('projection') ? { 'Pilotfish-Theta': String(theta) } : {};
    const headers = { 'Pilotfish-Part': part, 'Pilotfish-Shape': '3,16', 'Pilotfish-Dtype': 'f32', ...own };
    messages[part] = { data: new Uint8Array(values.buffer), headers };
  }
  const expected = `dark=1,flat=1,projection=${angles}`;
  messages['end'] = {
    data: new Uint8Array(0),
    headers: {
      'Pilotfish-Part': 'end',
      'Pilotfish-Shape': '3,16',
      'Pilotfish-Dtype': 'f32',
      'Pilotfish-Expect': expected,
    },
  };
  return messages;
}

it('refuses frames that are no counts, and takes dead pixels, zero beams and a single angle', async () => {
  const set =
    (value: number, ...at: number[]) =>
    (values: Float32Array) => {
      for (const place of at) values[place] = value;
    };
  const fill = (value: number) => (values: Float32Array) => void values.fill(value);
  const scans = {
    nan: scanMessages(5, { 'projection:2': set(Number.NaN, 7) }),
    dense: scanMessages(5, { 'projection:2': set(Number.NEGATIVE_INFINITY, 7) }),
    beam: scanMessages(5, { 'flat:0': set(Number.POSITIVE_INFINITY, 20) }),
    degrees: scanMessages(5, {}, 180 / Math.PI),
    unlit: scanMessages(5, { 'flat:0': fill(10) }),
    dead: scanMessages(5, { 'projection:1': set(0, 16, 17, 18, 19), 'flat:0': set(0, 3), 'dark:0': set(65_535, 4) }),
    single: scanMessages(1, {}),
  };
  for (const [scan, messages] of Object.entries(scans)) await send(messages, () => `scan.${scan}.frame`);
  const reasons = await letters('gridrec', 4);
  expect(reasons.of('nan')).toMatch(/A projection is NaN at value 7; counts must be finite/);
  expect(reasons.of('dense')).toMatch(/A projection is -Infinity at value 7/);
  expect(reasons.of('beam')).toMatch(/mean of the dark or flat frames is Infinity at value 20/);
  expect(reasons.of('degrees')).toMatch(/look like degrees/);
  const found = await slices('recon.*.*', 9);
  expect([...found.keys()].sort()).toEqual(
    ['dead', 'single', 'unlit'].flatMap((scan) => [0, 1, 2].map((row) => `recon.${scan}.${row}`)),
  );
  for (const { values } of found.values()) expect(values.every(Number.isFinite)).toBe(true);
  expect(found.get('recon.single.0')?.headers['Pilotfish-Doubts']).toMatch(/one angle only/);
}, 150_000);
