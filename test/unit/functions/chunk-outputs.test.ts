// The slices of a chunk: an event each, and the same values as files where the manifest wants them, with what they were made of.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'tiff';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chunkOutputs } from '../../../functions/results/index.ts';

const grid = { rows: 3, columns: 4 };
const values = Float32Array.from({ length: 2 * 12 }, (_, at) => at / 7);
const provenance = {
  function: { name: 'recon', version: 3, digest: 'abc', instance: 'n1-i1', node: 'n1' },
  centre: { value: 1.5, from: 'config' },
  frames: 60,
  missing: 2,
  recon: 'gridrec mode=accurate',
  tookMs: 1.23456,
};
const chunk = { scan: 'disc', subject: 'slices', firstRow: 4, slices: 2, grid, values, provenance };

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-chunk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is one event a slice, which says what it is and where it comes from', () => {
  const outputs = chunkOutputs(chunk, {});
  expect(outputs.map(({ subject }) => subject)).toEqual(['slices.disc.4', 'slices.disc.5']);
  expect(outputs[1]?.data).toEqual(values.subarray(12));
  expect(outputs[0]?.headers).toMatchObject({
    'Pilotfish-Shape': '3,4',
    'Pilotfish-Dtype': 'f32',
    'Pilotfish-Frames': '60',
    'Pilotfish-Missing': '2',
    'Pilotfish-Centre': '1.5',
    'Pilotfish-Function': 'recon@3',
    'Pilotfish-Took': '1.235',
  });
});

it('writes the same values, and their provenance beside them', () => {
  chunkOutputs(chunk, { files: { folder, format: 'tiff', png: true } });
  const place = join(folder, 'disc');
  const names = ['4', '5'].flatMap((row) => ['json', 'png', 'tif'].map((end) => `0000${row}.${end}`));
  expect(readdirSync(place).sort()).toEqual(names);
  const [picture] = decode(readFileSync(join(place, '00005.tif')));
  expect(picture?.data).toEqual(values.slice(12));
  expect(JSON.parse(readFileSync(join(place, '00004.json'), 'utf8'))).toEqual({
    scan: 'disc',
    row: 4,
    function: provenance.function,
    recon: 'gridrec mode=accurate',
    centre: { value: 1.5, from: 'config' },
    framesUsed: 60,
    framesMissing: 2,
  });
});

it('refuses files that cannot be meant', () => {
  expect(() => chunkOutputs(chunk, { files: { folder: 'here' } })).toThrow('files.folder is "here"');
});
