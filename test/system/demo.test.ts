/** The main job as its user runs it: the demo as a process, on input that is right, wrong, and interrupted. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeNpy } from '../../functions/formats/index.ts';
import { dataExchangeFixture } from '../fixtures/data-exchange.ts';
import { DemoPlace, demoKeys } from '../harness/demo.ts';
import { hasTooth, missingReason, toothPath } from '../unit/functions/oracle-data.ts';

/** A few seconds of work on a busy machine. */
const small = ['--size', '64', '--angles', '60', '--rows', '8', '--scans', '2'];

describe('npm run demo', () => {
  it('reconstructs the default scans on both nodes, loses nothing, doubles nothing', async () => {
    using place = new DemoPlace();
    const run = await place.run(['--json']);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const result = place.json(run);
    expect(Object.keys(result)).toEqual(demoKeys);
    expect(result).toMatchObject({
      scans: 4,
      frames: 800,
      lost: 0,
      duplicates: 0,
      slices: 64,
      shape: [256, 256],
      nodesUsed: 2,
    });
    expect(result.psnr).toBeGreaterThanOrEqual(34);
    expect(result.instancesMax).toBeGreaterThanOrEqual(2);
    const names = [1, 2, 3, 4].flatMap((scan) => Array.from({ length: 16 }, (_, row) => `slice-${scan}-${row}`));
    expect(new Set(result.files)).toEqual(
      new Set(names.flatMap((name) => [`${name}.npy`, `${name}.png`].map((file) => join(place.out, file)))),
    );
    const slice = decodeNpy(readFileSync(join(place.out, 'slice-1-0.npy')), 'slice-1-0.npy');
    expect(slice.shape).toEqual([256, 256]);
    expect(Array.from(readFileSync(join(place.out, 'slice-1-0.png')).subarray(1, 4))).toEqual(
      [...'PNG'].map((letter) => letter.charCodeAt(0)),
    );
    expect(place.runDirectoriesSeen).toBe(2);
    expect(place.leftBehind()).toEqual([]);
  }, 120_000);

  it('shows a table without --json; two demos in one home keep out of each other’s way', async () => {
    using place = new DemoPlace();
    using others = new DemoPlace(place.home);
    const [table, json] = await Promise.all([
      place.run(small),
      others.run([...small, '--json', '--mode', 'compat', '--filter', 'ramlak', '--centre', '32']),
    ]);
    expect(table, table.stderr).toMatchObject({ code: 0 });
    expect(table.stdout).toMatch(/^scans {10}2\nframes {9}160 \(0 lost, 0 doubled\)\nslices {9}16 of 64 x 64\n/);
    expect(json, json.stderr).toMatchObject({ code: 0 });
    expect(others.json(json)).toMatchObject({ lost: 0, duplicates: 0, slices: 16, centre: 32 });
  }, 90_000);

  it.skipIf(!hasTooth)(
    `finds the tooth's axis and two slices (${missingReason})`,
    async () => {
      using place = new DemoPlace();
      const run = await place.run(['--input', toothPath, '--json']);
      expect(run, run.stderr).toMatchObject({ code: 0 });
      const result = place.json(run);
      expect(result).toMatchObject({
        scans: 1,
        frames: 201,
        lost: 0,
        duplicates: 0,
        slices: 2,
        shape: [640, 640],
        psnr: null,
      });
      expect(Math.abs(Number(result.centre) - 296.3)).toBeLessThanOrEqual(0.5);
      for (const row of [0, 1]) {
        const name = join(place.out, `slice-${row}.npy`);
        expect(result.files).toContain(name);
        const { shape, values } = decodeNpy(readFileSync(name), name);
        expect(shape).toEqual([640, 640]);
        expect(values.every(Number.isFinite)).toBe(true);
      }
    },
    90_000,
  );
});

describe('what cannot be is refused before anything is started', () => {
  it.each([
    [['--bogus'], '--bogus'],
    [['--nodes', '0'], '--nodes'],
    [['--rows', '1.5'], '--rows'],
    [['--size', '100000'], '--size'],
    [['--rate', 'fast'], '--rate'],
    [['--mode', 'sharp'], '--mode'],
    [['--filter', 'coffee'], '--filter'],
    [['--centre', '64', '--size', '64'], '--centre'],
    [['--out', '/dev/null/slices'], '--out'],
  ])('%j: exit 2, and the option is named', async (args, option) => {
    using place = new DemoPlace();
    const run = await place.run(args);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(option);
    expect(existsSync(place.home)).toBe(false);
  });

  it.each([
    ['no file', undefined, 4, 'there is no such file'],
    ['no HDF5', Buffer.from('name,dose\n'), 3, 'is not an HDF5 file'],
    ['a file that was cut short', dataExchangeFixture('plain').subarray(0, 2_000), 3, 'scan.h5'],
    ['a filter that would be read wrongly', dataExchangeFixture('blosc'), 3, 'filter blosc (id 32001)'],
  ])('%s', async (_what, bytes, code, text) => {
    using place = new DemoPlace();
    const path = join(place.folder, 'scan.h5');
    if (bytes) writeFileSync(path, bytes);
    const run = await place.run(['--input', path]);
    expect(run).toMatchObject({ code, stdout: '' });
    expect(run.stderr).toContain(text);
    expect(run.stderr).not.toContain('    at ');
    expect(existsSync(place.home) || existsSync(place.out)).toBe(false);
  });
});

/** Text on stderr after which the demo is where the name says. */
const moments = { 'while the pilot starts': /ms {2}n1: /, 'during the replay': /^slice 1\/0 /m };

describe('an interrupted demo leaves nothing behind', () => {
  it.each(
    Object.entries(moments).flatMap(([moment, text]) =>
      [['SIGINT'], ['SIGINT', 'SIGINT'], ['SIGTERM']].map((signals) => ({
        moment,
        text,
        signals: signals as NodeJS.Signals[],
      })),
    ),
  )(
    '$signals $moment',
    async ({ text, signals }) => {
      using place = new DemoPlace();
      const left = [...signals];
      let seen = '';
      // Ten seconds of frames, so that it cannot end by itself before the signal; the first slice comes after three.
      const run = await place.run(['--size', '64', '--angles', '60', '--rows', '8', '--scans', '12'], (piece, demo) => {
        seen += piece;
        if (text.test(seen)) for (const signal of left.splice(0)) demo.kill(signal);
      });
      expect(left, `never came so far: ${run.stderr}`).toEqual([]);
      expect(run, run.stderr).toMatchObject({ code: 130, signal: null, stdout: '' });
      expect(run.stderr).toContain('interrupted: everything is cleaned up');
      expect(place.leftBehind()).toEqual([]);
    },
    60_000,
  );
});
