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

it('fills one Zarr stack in any order, which has every slice that was written', () => {
  const files = { folder, format: 'zarr' };
  chunkOutputs({ ...chunk, firstRow: 6 }, { files });
  const other = { ...provenance, function: { ...provenance.function, instance: 'n2-i9', node: 'n2' } };
  chunkOutputs({ ...chunk, firstRow: 0, provenance: other }, { files });
  const stack = join(folder, 'disc', 'recon.zarr');
  const read = () => JSON.parse(readFileSync(join(stack, 'zarr.json'), 'utf8')) as object;
  expect(read()).toMatchObject({
    shape: [8, 3, 4],
    attributes: {
      scan: 'disc',
      function: { name: 'recon', version: 3, digest: 'abc' },
      recon: 'gridrec mode=accurate',
    },
  });
  expect(readFileSync(join(stack, 'c/7/0/0'))).toEqual(Buffer.from(values.slice(12).buffer));
  chunkOutputs(chunk, { files, rows: 32 });
  expect(read()).toMatchObject({ shape: [32, 3, 4] });
});

it('refuses files that cannot be meant', () => {
  expect(() => chunkOutputs(chunk, { files: { folder: 'here' } })).toThrow('files.folder is "here"');
  for (const files of [null, 'here', ['here'], { folder, png: 'yes' }, { folder, window: [1] }, { folder, depth: 8 }])
    expect(() => chunkOutputs(chunk, { files })).toThrow(expect.objectContaining({ name: 'FilesError' }));
  for (const rows of [0, 1.5, '8', Number.NaN])
    expect(() => chunkOutputs(chunk, { rows })).toThrow(expect.objectContaining({ name: 'FilesError' }));
});
