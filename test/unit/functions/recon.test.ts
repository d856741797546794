// The offline command: TomoPy's results through the command line, and what it says to bad input.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy, encodeTiff } from '../../../functions/formats/index.ts';
import { parseReconOptions, UsageError } from '../../../functions/offline/options.ts';
import { runRecon } from '../../../functions/offline/run.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { expectClose } from './closeness.ts';
import { hasOracles, hasTooth, missingReason, readOracle, readOracleDoubles, toothPath } from './oracle-data.ts';

const kernels = {
  gridrec: await loadKernel('gridrec'),
  iterative: await loadKernel('iterative'),
  fbp: await loadKernel('fbp'),
};
const folder = mkdtempSync(join(tmpdir(), 'pilotfish-recon-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

function save(name: string, shape: readonly number[], values: Float32Array | Float64Array): string {
  writeFileSync(path(name), encodeNpy({ shape, values: values.slice() as Float32Array<ArrayBuffer> }));
  return path(name);
}

async function recon(...args: string[]) {
  const options = parseReconOptions(['--out', path('R.npy'), ...args]);
  if (!options) throw new Error('help was asked for');
  const warnings: string[] = [];
  const report = await runRecon(options, { kernels, warn: (text) => warnings.push(text) });
  return { report, warnings, ...decodeNpy(readFileSync(path('R.npy'))) };
}

describe.skipIf(!hasOracles)(`npm run recon equals TomoPy (${missingReason})`, () => {
  const arrays = (): string[] => {
    const { shape, values } = readOracle('proj');
    const theta = readOracleDoubles('angle');
    return ['--sinogram', save('S.npy', shape, values), '--theta', save('T.npy', [theta.length], theta)];
  };
  it.each([
    ['gridrec_shepp', '--algorithm gridrec --mode compat'],
    ['gridrec_parzen', '--algorithm gridrec --mode compat --filter parzen --filter-par 0.5,8 --centre 24'],
    ['mlem', '--algorithm mlem --mode compat --iterations 4 --grid 48x48'],
    ['mlem', '--algorithm osem --mode compat --iterations 4 --blocks 1'],
    ['sirt', '--algorithm sirt --mode compat --iterations 4'],
    ['fbp', '--algorithm fbp --mode compat'],
    ['fbp', '--algorithm fbp --mode accurate --filter none'],
  ])('%s: %s', async (oracle, line) => {
    const { shape, values } = await recon(...arrays(), ...line.split(' '));
    expect(shape).toEqual([8, 48, 48]);
    expectClose(values, readOracle(oracle).values);
  });
});

describe('a small sinogram', () => {
  const [angles, slices, columns] = [6, 2, 16];
  const theta = Float64Array.from({ length: angles }, (_, i) => (Math.PI * i) / angles);
  const sinogram = new Float32Array(angles * slices * columns).fill(1);
  const arrays = (): string[] => [
    '--sinogram',
    save('s.npy', [angles, slices, columns], sinogram),
    '--theta',
    save('t.npy', [angles], theta),
  ];

  it('takes an axis a slice, a grid and a mask', async () => {
    const centres = save('c.npy', [2], Float64Array.of(7, 8));
    const line = ['--algorithm', 'sirt', '--centres', centres, '--grid', '12x10', '--mask', '0.8'];
    const { shape, values, report } = await recon(...arrays(), ...line);
    expect(shape).toEqual([2, 12, 10]);
    expect(report.centre).toBeUndefined();
    expect(values[0]).toBe(0);
  });

  it('takes the table of a custom filter from a file: TomoPy’s ramp as a table equals ramlak', async () => {
    const table = save(
      'f.npy',
      [8],
      Float64Array.from({ length: 8 }, (_, j) => (2 * j) / 16),
    );
    const line = ['--algorithm', 'gridrec', '--mode', 'compat', '--filter'];
    const { values } = await recon(...arrays(), ...line, 'custom', '--filter-par', table);
    expectClose(values, (await recon(...arrays(), ...line, 'ramlak')).values);
  });

  it.each([
    ['--algorithm gridrec --centre 99', /centre 99 lies outside/],
    ['--algorithm gridrec --filter custom --filter-par 1,2', /custom filter has 2 values; give/],
    ['--algorithm osem --blocks 7', /blocks is 7/],
    ['--algorithm mlem --iterations 0', /iterations is 0/],
    ['--algorithm gridrec --grid 999x10', /grid is 999 x 10/],
    ['--algorithm gridrec --centre -1', /centre -1 lies outside/],
    ['--algorithm gridrec --filter hann --filter-par -1,2', /give a cut-off > 0/],
    ['--algorithm gridrec --filter parzen --filter-par 0.5,8,9', /two parameters.*3 were given/],
    ['--algorithm gridrec --find-centre vo', /the sinogram is flat/],
    ['--algorithm gridrec --out no-such-folder/R.npy', /--out no-such-folder.R.npy cannot be written/],
  ])('%s is refused', async (line, message) => {
    await expect(recon(...arrays(), ...line.split(' '))).rejects.toThrow(message);
  });

  it('says which flags mean nothing to the algorithm', async () => {
    const { warnings } = await recon(...arrays(), '--algorithm', 'mlem', '--blocks', '2', '--filter', 'hann');
    expect(warnings.slice(0, 2)).toEqual([
      '--filter means nothing to mlem in accurate mode',
      '--blocks means nothing to mlem in accurate mode',
    ]);
  });

  it('says so when a file is missing, or of another shape', async () => {
    await expect(recon('--algorithm', 'fbp', '--sinogram', 'no.npy', '--theta', 'no.npy')).rejects.toThrow('no.npy');
    const flat = save('flat.npy', [4], new Float32Array(4));
    await expect(recon('--algorithm', 'fbp', '--sinogram', flat, '--theta', flat)).rejects.toThrow('(angles, slices');
    const table = save('table.npy', [2, 3], Float64Array.from({ length: 6 }));
    const [, stack = ''] = arrays();
    await expect(recon('--algorithm', 'fbp', '--sinogram', stack, '--theta', table)).rejects.toThrow('(2, 3)');
  });
});

describe('--input', () => {
  it('takes a folder of TIFF pictures as the line integrals that they come to', async () => {
    const [angles, rows, columns] = [12, 2, 16];
    const stack = path('tiff-scan');
    mkdirSync(stack, { recursive: true });
    const picture = (name: string, valueAt: (pixel: number) => number) => {
      const values = Float32Array.from({ length: rows * columns }, (_, pixel) => valueAt(pixel));
      writeFileSync(join(stack, name), encodeTiff(values, { width: columns, height: rows, description: '' }));
    };
    const lineAt = (angle: number, pixel: number) => 0.1 + 0.05 * ((3 * angle + 7 * pixel) % 11);
    picture('dark_0.tif', () => 10);
    picture('flat_0.tif', () => 1_010);
    for (let angle = 0; angle < angles; angle++)
      picture(`proj_${String(angle).padStart(3, '0')}.tif`, (pixel) => 10 + 1_000 * Math.exp(-lineAt(angle, pixel)));
    const degrees = Array.from({ length: angles }, (_, angle) => (180 * angle) / angles);
    writeFileSync(join(stack, 'theta.txt'), degrees.join('\n'));

    const theta = Float64Array.from(degrees, (angle) => (Math.PI * angle) / 180);
    const sinogram = Float32Array.from({ length: angles * rows * columns }, (_, i) =>
      lineAt(Math.floor(i / (rows * columns)), i % (rows * columns)),
    );
    const arrays = ['--sinogram', save('ts.npy', [angles, rows, columns], sinogram)];
    arrays.push('--theta', save('tt.npy', [angles], theta));
    const line = ['--algorithm', 'gridrec', '--centre', '7.5'];
    const { values, shape } = await recon(...line, '--input', stack);
    expect(shape).toEqual([rows, columns, columns]);
    expectClose(values, (await recon(...line, ...arrays)).values);
  });
});

describe('parseReconOptions()', () => {
  it.each([
    ['--algorithm art --sinogram s --theta t', 'art'],
    ['--algorithm fbp --sinogram s', '--theta is missing'],
    ['--algorithm fbp --input a --sinogram s', 'not both'],
    ['--algorithm fbp --input a --grid 4', 'ROWSxCOLUMNS'],
    ['--algorithm fbp --input a --iterations many', '--iterations is "many"'],
    ['--algorithm fbp --input a --what', '--what'],
  ])('%s', (line, message) => {
    const attempt = () => parseReconOptions(['--out', 'r', ...line.split(' ')]);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
  });
});

describe.skipIf(!hasTooth)(`the tooth scan (${missingReason})`, () => {
  it('is normalised, its axis found, and reconstructed', async () => {
    const { report, values } = await recon('--algorithm', 'gridrec', '--input', toothPath, '--mask', '0.95');
    expect(report.shape).toEqual([2, 640, 640]);
    expect(report.centre).toBeCloseTo(296.3, 0);
    expect(Float32Array.from(values).reduce((most, value) => Math.max(most, value), 0)).toBeGreaterThan(0.01);
  });
});
