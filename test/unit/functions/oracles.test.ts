// The kernels through the command line, against numbers that a numpy program computed from the definitions alone (fixtures/oracles).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy } from '../../../functions/formats/index.ts';
import { parseReconOptions } from '../../../functions/offline/options.ts';
import { runRecon } from '../../../functions/offline/run.ts';
import { loadKernel } from '../../harness/kernels.ts';

interface OracleCase {
  readonly line: string;
  readonly sizes: readonly [angles: number, slices: number, columns: number];
  readonly theta: readonly number[];
  readonly centres: readonly number[];
  readonly shape: readonly number[];
  /** Of all values. */
  readonly norm: number;
  readonly values: readonly (readonly [index: number, value: number])[];
}

const fixture = join(import.meta.dirname, '../../fixtures/oracles/cases.json');
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as OracleCase[];
const simd = {
  gridrec: await loadKernel('gridrec'),
  iterative: await loadKernel('iterative'),
  fbp: await loadKernel('fbp'),
};
const folder = mkdtempSync(join(tmpdir(), 'pilotfish-oracles-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `noise` in reconstruct.py. */
function noise(sizes: readonly number[]): Float32Array<ArrayBuffer> {
  const count = sizes.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, i) => Math.imul(i, 2_654_435_761) >>> 0).map(
    (value) => value / 2 ** 32,
  );
}

function save(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>) {
  const path = join(folder, name);
  writeFileSync(path, encodeNpy({ shape, values }));
  return path;
}

describe.each(['SIMD', 'plain'])('%s', (kind) => {
  it.each(cases.map((one) => [`${one.line} ${one.sizes.join(' x ')}`, one] as const))('%s', async (_, one) => {
    const { line, sizes, theta, centres, shape, norm, values } = one;
    const out = join(folder, 'R.npy');
    const files = [
      ['--sinogram', save('S.npy', sizes, noise(sizes))],
      ['--theta', save('T.npy', [theta.length], Float64Array.from(theta))],
      ['--centres', save('c.npy', [centres.length], Float64Array.from(centres))],
    ].flat();
    const options = parseReconOptions([...line.split(' '), ...files, '--out', out]);
    if (!options) throw new Error('help was asked for');
    await runRecon(options, { kernels: kind === 'SIMD' ? simd : {}, warn: () => undefined });
    const result = decodeNpy(readFileSync(out));
    expect(result.shape).toEqual(shape);
    const length = Math.hypot(...result.values);
    expect(Math.abs(length - norm)).toBeLessThan(2e-5 * norm);
    const largest = Math.max(...values.map(([, value]) => Math.abs(value)));
    for (const [index, value] of values)
      expect(Math.abs((result.values[index] as number) - value), `value ${index}`).toBeLessThan(5e-5 * largest);
  });
});
