// Scans in NXtomo and TIFF, made here by other writers; damaged and foreign files are refused by name, whatever they hold.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import h5wasm from 'h5wasm/node';
import { decode } from 'tiff';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeTiff, FormatError, openScanFile } from '../../../functions/formats/index.ts';
import { fc } from '../../harness/properties.ts';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-scans-'));
  await h5wasm.ready;
});
afterAll(() => rmSync(folder, { recursive: true }));

const [frames, rows, columns] = [7, 2, 5];
/** Frame i holds 100 i + row * 10 + column. */
const pixelAt = (frame: number, pixel: number) => 100 * frame + 10 * Math.floor(pixel / columns) + (pixel % columns);
const stack = Uint16Array.from({ length: frames * rows * columns }, (_, i) =>
  pixelAt(Math.floor(i / (rows * columns)), i % (rows * columns)),
);

function writeNxTomo(
  name: string,
  change: { keys?: number[]; angles?: number[]; at?: string; noAngles?: boolean } = {},
): string {
  const path = join(folder, name);
  const file = new h5wasm.File(path, 'w');
  const at = change.at ?? 'entry1/tomo_entry';
  const group = (full: string) => {
    let now: InstanceType<typeof h5wasm.Group> = file;
    for (const step of full.split('/'))
      now = (now.get(step) ?? now.create_group(step)) as InstanceType<typeof h5wasm.Group>;
    return now;
  };
  const detector = group(`${at}/instrument/detector`);
  detector.create_dataset({ name: 'data', data: stack, shape: [frames, rows, columns], dtype: '<H' });
  const keys = change.keys ?? [2, 1, 0, 3, 0, 0, 1];
  detector.create_dataset({ name: 'image_key', data: Int32Array.from(keys), shape: [keys.length], dtype: '<i' });
  if (!change.noAngles) {
    const angles = change.angles ?? [0, 0, 0, 0, 60, 120, 120];
    group(`${at}/sample`).create_dataset({
      name: 'rotation_angle',
      data: Float64Array.from(angles),
      shape: [angles.length],
      dtype: '<d',
    });
  }
  file.close();
  return path;
}

async function refusal(path: string): Promise<FormatError> {
  const error = await openScanFile(path).catch((reason: unknown) => reason);
  if (error instanceof FormatError) return error;
  throw new Error(`the file was taken, or failed otherwise: ${String(error)}`, { cause: error });
}

describe('NXtomo', () => {
  it.each(['entry1/tomo_entry', 'entry'])('is read by its keys, under %s', async (at) => {
    using scan = await openScanFile(writeNxTomo('good.nxs', { at }));
    expect(scan).toMatchObject({ rows, columns, dtype: 'u16', counts: { projection: 3, flat: 2, dark: 1 } });
    expect(Array.from(scan.theta, (angle) => Math.round((angle * 180) / Math.PI))).toEqual([0, 60, 120]);
    const expected = (frame: number) =>
      Uint16Array.from({ length: rows * columns }, (_, pixel) => pixelAt(frame, pixel));
    expect(scan.readFrame('projection', 1)).toEqual(expected(4));
    expect(scan.readFrame('flat', 1)).toEqual(expected(6));
    expect(scan.readFrame('dark', 0)).toEqual(expected(0));
    expect(() => scan.readFrame('dark', 1)).toThrow(/no dark frame 1/);
  });

  it('is refused where keys or angles do not fit', async () => {
    expect((await refusal(writeNxTomo('short.nxs', { keys: [0, 1, 2] }))).message).toContain('3 values for 7 frames');
    expect((await refusal(writeNxTomo('odd.nxs', { keys: [2, 1, 0, 9, 0, 0, 1] }))).message).toContain('image_key[3]');
    expect((await refusal(writeNxTomo('dark.nxs', { keys: [1, 1, 0, 0, 0, 0, 1] }))).message).toContain(
      'no dark frame',
    );
    expect((await refusal(writeNxTomo('angles.nxs', { angles: [1] }))).message).toContain('1 values for 7 frames');
    expect((await refusal(writeNxTomo('nan.nxs', { angles: [0, 0, Number.NaN, 0, 0, 0, 0] }))).message).toContain(
      'projection 0',
    );
    expect((await refusal(writeNxTomo('none.nxs', { noAngles: true }))).message).toContain('rotation_angle');
  });
});

describe('TIFF', () => {
  const picture = (value: number, width = columns) =>
    encodeTiff(new Float32Array(rows * width).fill(value), { width, height: rows, description: `value ${value}` });
  const fill = (name: string, files: Readonly<Record<string, Uint8Array | string>>): string => {
    const at = join(folder, name);
    mkdirSync(at);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(at, file), content);
    return at;
  };

  it('is read as a folder, in order of numbers, with its angles', async () => {
    const files = {
      'p_10.tif': picture(10),
      'p_9.tif': picture(9),
      'dark_1.tif': picture(1),
      'white.tiff': picture(5),
    };
    using scan = await openScanFile(fill('stack', { ...files, 'theta.txt': '# degrees\n0\n45\n', 'notes.txt': 'x' }));
    expect(scan).toMatchObject({ rows, columns, dtype: 'f32', counts: { projection: 2, flat: 1, dark: 1 } });
    expect(scan.theta[1]).toBeCloseTo(Math.PI / 4);
    expect(scan.readFrame('projection', 0)[0]).toBe(9);
    expect(scan.readFrame('projection', 1)[0]).toBe(10);
    expect(scan.readFrame('flat', 0)[0]).toBe(5);
  });

  it('is what other readers see in what we write', () => {
    const values = Float32Array.from({ length: 6 }, (_, i) => i / 7);
    const [page] = decode(encodeTiff(values, { width: 3, height: 2, description: 'µ = 2' }));
    expect(page).toMatchObject({ width: 3, height: 2, bitsPerSample: 32, sampleFormat: 3, imageDescription: '? = 2' });
    expect(page?.data).toEqual(values);
    expect(() => encodeTiff(values, { width: 4, height: 2 })).toThrow(/not a picture/);
  });

  it('is refused where pictures differ, are none, or angles do not fit', async () => {
    const good = picture(1);
    using uneven = await openScanFile(fill('uneven', { '1.tif': good, '2.tif': picture(2, 9) }));
    expect(() => uneven.readFrame('projection', 1)).toThrow(/all frames need one size/);
    expect((await refusal(fill('empty', {}))).message).toContain('no picture');
    expect((await refusal(fill('text', { '1.tif': 'not a picture at all' }))).code).toBe('not-this-format');
    expect((await refusal(fill('angle', { '1.tif': good, 'theta.txt': 'up' }))).message).toContain('angle 0 is "up"');
    expect((await refusal(fill('angles', { '1.tif': good, 'theta.txt': '1\n2' }))).message).toContain('2 angles for 1');
    expect((await refusal(join(folder, 'nowhere'))).code).toBe('missing');
  });

  it('is refused by a FormatError however it is damaged', () => isRefusedHoweverDamaged(picture(3), 'tif', 200));
});

describe('HDF5', () => {
  it('is refused by a FormatError however it is damaged', () =>
    isRefusedHoweverDamaged(readFileSync(writeNxTomo('base.nxs')), 'nxs', 100));
});

/** Cut off anywhere, with one byte changed: what is opened and read all the same is no failure. */
async function isRefusedHoweverDamaged(good: Uint8Array, ending: string, numRuns: number): Promise<void> {
  const file = join(folder, `damaged.${ending}`);
  const damage = { at: fc.nat(good.length - 1), value: fc.nat(255), length: fc.integer({ min: 1, max: good.length }) };
  await fc.assert(
    fc.asyncProperty(fc.record(damage), async ({ at, value, length }) => {
      const damaged = Uint8Array.from(good.subarray(0, length));
      damaged[at % length] = value;
      writeFileSync(file, damaged);
      try {
        using scan = await openScanFile(file);
        scan.readFrame('projection', 0);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns },
  );
}
