// Functions called with NumPy arrays: TomoPy's results, the same pictures as `npm run recon` gives, and what they say to bad input.
import { testFunction } from 'pilotfish/testing';
import { describe, expect, it, vi } from 'vitest';
import fbp from '../../../functions/fbp/fbp.ts';
import { decodeNpy, encodeNpy, type NpyValues } from '../../../functions/formats/index.ts';
import gridrec from '../../../functions/gridrec/gridrec.ts';
import { filterNames, reconstruct } from '../../../functions/kernels/index.ts';
import kmeans from '../../../functions/kmeans/kmeans.ts';
import mlem from '../../../functions/mlem/mlem.ts';
import peaks from '../../../functions/peaks/peaks.ts';
import reconSinogram from '../../../functions/recon-sinogram/recon-sinogram.ts';
import sirt from '../../../functions/sirt/sirt.ts';
import { expectClose } from './closeness.ts';
import { hasOracles, missingReason, readOracle, readOracleDoubles } from './oracle-data.ts';
import { evenAngles, phantomInput } from './scans.ts';

// Bundlers compile them; here nobody bundles.
vi.mock('../../../functions/kernels/gridrec/module.js', () => moduleOf('gridrec'));
vi.mock('../../../functions/kernels/iterative/module.js', () => moduleOf('iterative'));
vi.mock('../../../functions/kernels/fbp/module.js', () => moduleOf('fbp'));
vi.mock('../../../functions/kernels/scan/module.js', () => moduleOf('lines'));
vi.mock('../../../functions/kernels/kmeans/module.js', () => moduleOf('kmeans'));
vi.mock('../../../functions/kernels/peaks/module.js', () => moduleOf('peaks'));

async function moduleOf(name: 'gridrec' | 'iterative' | 'fbp' | 'lines' | 'kmeans' | 'peaks') {
  const { loadKernel } = await import('../../harness/kernels.ts');
  return { default: await loadKernel(name) };
}

const functions = { gridrec, fbp, mlem, sirt, 'recon-sinogram': reconSinogram };
type Name = keyof typeof functions;

function npy(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  return encodeNpy({ shape, values: Float32Array.from(values) });
}

async function call(
  name: Name,
  arrays: readonly Uint8Array[],
  { headers = {}, config = {} }: { headers?: Record<string, string>; config?: Record<string, unknown> } = {},
) {
  const tester = testFunction(functions[name], { name, config });
  return await tester.event({ subject: '', data: Buffer.concat(arrays), headers });
}

async function answer(...given: Parameters<typeof call>) {
  const outcome = await call(...given);
  if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
  const [output] = outcome.outputs;
  if (!output) throw new Error('it gave no answer');
  return { ...decodeNpy(output.data), headers: output.headers };
}

async function refusal(...given: Parameters<typeof call>): Promise<string> {
  return reasonOf(await call(...given));
}

function reasonOf(outcome: Awaited<ReturnType<typeof call>>): string {
  if (outcome.kind !== 'reject') throw new Error(`it was not refused: ${outcome.kind}`);
  return outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
}

describe.skipIf(!hasOracles)(`calls with arrays equal TomoPy (${missingReason})`, () => {
  const arrays = () => {
    const { shape, values } = readOracle('proj');
    const theta = readOracleDoubles('angle');
    return [npy(shape, values), encodeNpy({ shape: [theta.length], values: theta as NpyValues })];
  };
  it.each([
    ['gridrec', 'gridrec_shepp', { mode: 'compat' }, {}],
    ['gridrec', 'gridrec_parzen', { mode: 'compat', filter: 'parzen', 'filter-par': '0.5,8', centre: '24' }, {}],
    ['gridrec', 'gridrec_cosine', {}, { mode: 'compat', filter: 'cosine' }],
    ['mlem', 'mlem', { iterations: '4' }, { iterations: 20, blocks: 1 }],
    ['mlem', 'mlem', { iterations: '4' }, { blocks: 1, centre: 23.5 }],
    ['sirt', 'sirt', { iterations: '4', grid: '48x48' }, {}],
    ['fbp', 'fbp', { mode: 'compat' }, {}],
    ['recon-sinogram', 'mlem', { algorithm: 'mlem', iterations: '4' }, {}],
    ['recon-sinogram', 'gridrec_ramlak', {}, { algorithm: 'gridrec', mode: 'compat', filter: 'ramlak' }],
  ] as const)('%s: %s with %o', async (name, oracle, headers, config) => {
    const { shape, values } = await answer(name, arrays(), { headers, config });
    expect(shape).toEqual([8, 48, 48]);
    expectClose(values, readOracle(oracle).values);
  });
});

describe('a call with arrays', () => {
  const [angles, columns] = [30, 31];
  const theta = evenAngles(angles);
  const input = phantomInput({ columns, theta, centre: 14.5, scale: 0.8 });
  const two = { ...input, slices: 2, sinogram: Float32Array.from([...input.sinogram, ...input.sinogram]) };
  /** (angles, slices, columns): both slices the same. */
  const stack = Float32Array.from({ length: angles * 2 * columns }, (_, i) => {
    const [angle, column] = [Math.floor(i / (2 * columns)), i % columns];
    return input.sinogram[angle * columns + column] as number;
  });
  const S = npy([angles, 2, columns], stack);
  const T = npy([angles], theta);

  it.each(filterNames)('filter %s, in a header as in config', async (filter) => {
    const filterParameters = [0.4, 3];
    const expected = reconstruct({
      ...two,
      theta: Float64Array.from(Float32Array.from(theta)),
      filter,
      filterParameters,
    });
    const headers = { filter, 'filter-par': '0.4,3', centre: '14.5' };
    expectClose((await answer('gridrec', [S, T], { headers })).values, expected);
    const config = { filter, filterPar: [0.4, 3], centre: 14.5, maskRatio: 0 };
    expectClose((await answer('gridrec', [S, T], { config })).values, expected);
  });

  it('says what it did, and what it doubts', async () => {
    const { headers, shape } = await answer('mlem', [S, T], {
      headers: { blocks: '5', iterations: '2', filter: 'hann' },
    });
    expect(shape).toEqual([2, columns, columns]);
    expect(headers).toMatchObject({
      'Pilotfish-Recon': 'osem iterations=2 blocks=5',
      'Pilotfish-Shape': '2,31,31',
      'Pilotfish-Doubts': 'filter means nothing to osem.',
    });
  });

  it('takes an axis a slice as a third array, a grid, a mask, and looks for the axis', async () => {
    const C = npy([2], [14.5, 20]);
    const { values, headers } = await answer('gridrec', [S, T, C], { headers: { mask: '0.9' } });
    expect(headers['Pilotfish-Centre']).toBeUndefined();
    expect(values[0]).toBe(0);
    expect(values.slice(0, columns * columns)).not.toEqual(values.slice(columns * columns));
    expect((await answer('sirt', [S, T], { headers: { grid: '12x10' } })).shape).toEqual([2, 12, 10]);
    const found = await answer('gridrec', [S, T], { headers: { 'find-centre': 'vo' }, config: { centre: 3 } });
    expect(Math.abs(Number(found.headers['Pilotfish-Centre']) - 14.5)).toBeLessThan(0.6);
  });

  const nan = stack.slice();
  nan[100] = Number.NaN;
  it.each<[string, readonly Uint8Array[], Record<string, string>, string]>([
    ['no angles', [S], {}, 'the angles are missing'],
    ['too few angles', [S, npy([3], theta.slice(0, 3))], {}, 'theta has 3 angles but there are 30'],
    [
      'degrees',
      [
        S,
        npy(
          [angles],
          theta.map((angle) => (angle * 180) / Math.PI),
        ),
      ],
      {},
      'look like degrees',
    ],
    ['NaN', [npy([angles, 2, columns], nan), T], {}, 'sinogram is NaN at slice 1, angle 1'],
    [
      'a flat sinogram',
      [npy([angles, columns], stack.slice(0, angles * columns)), T],
      {},
      'a sinogram is (angles, slices',
    ],
    ['four arrays', [S, T, T, T], {}, 'holds more than 3 arrays'],
    ['a file cut short', [S, T.subarray(0, 140)], {}, 'array 2 of the sinogram has'],
    ['a misspelt option', [S, T], { itertions: '4' }, '"itertions" is no option of gridrec'],
    ['another algorithm', [S, T], { algorithm: 'mlem' }, 'invoke mlem'],
    ['an unknown filter', [S, T], { filter: 'hanning' }, 'the option filter is'],
    ['an axis outside', [S, T], { centre: '99' }, 'centre 99 lies outside'],
    ['HDF5', [Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')], {}, 'pilotfish replay'],
    ['an npz', [Buffer.from('PK\x03\x04')], {}, 'np.save'],
    ['nothing', [], {}, 'cat S.npy T.npy | pilotfish invoke gridrec'],
  ])('refuses %s', async (_, arrays, headers, message) => {
    expect(await refusal('gridrec', arrays, { headers })).toContain(message);
  });

  it('an event may be arrays, too: recon-sinogram gives an event a slice', async () => {
    const tester = testFunction(reconSinogram, { name: 'recon-sinogram', config: { centre: 14.5 } });
    const headers = { 'Pilotfish-First-Row': '6' };
    const outcome = await tester.event({ subject: 'sinogram.a.3', data: Buffer.concat([S, T]), headers });
    const subjects = outcome.kind === 'done' ? outcome.outputs.map(({ subject }) => subject) : outcome;
    expect(subjects).toEqual(['slices.a.6', 'slices.a.7']);
  });
});

describe('kmeans with arrays', () => {
  it("gives the figures of Spark's rule", async () => {
    const first = testFunction(kmeans, {
      config: {
        decay: 1,
        centres: [
          [0, 0],
          [1, 1],
        ],
        weights: [1, 1],
      },
    });
    const points = npy([4, 2], [-0.1, -0.1, 0.1, 0.1, 0.9, 0.9, 1.1, 1.1]);
    expect(centresOf(await first.event({ subject: '', data: points }))).toEqual(close([0, 0, 1, 1]));
    expect(await first.event({ subject: '', data: new Uint8Array(0) })).toMatchObject({
      outputs: [{ data: expect.anything() as unknown }],
    });
    const model = await first.event({ subject: '' });
    const said = model.kind === 'done' ? JSON.parse(Buffer.from(model.outputs[0]?.data ?? '').toString()) : model;
    expect(said).toMatchObject({ batches: 1, weights: [3, 3] });
  });

  it.each([
    [npy([4], [1, 2, 3, 4]), 'points are (points, dimensions)'],
    [npy([2, 2], [1, 2, 3, Number.NaN]), 'coordinate NaN'],
    [npy([2, 3], [1, 2, 3, 4, 5, 6]), 'centres must be a list of lists of 3 numbers'],
    [Buffer.from('1,2\n3,4\n'), 'send points as an npy'],
  ])('refuses what is no batch', async (data, message) => {
    const tester = testFunction(kmeans, {
      config: {
        centres: [
          [0, 0],
          [1, 1],
        ],
      },
    });
    expect(reasonOf(await tester.event({ subject: '', data }))).toContain(message);
  });
});

describe('peaks with arrays', () => {
  const frame = Float32Array.from({ length: 64 * 80 }, (_, i) => {
    const [row, column] = [Math.floor(i / 80), i % 80];
    return 10 + ((7 * row + 3 * column) % 5) + 500 * Math.exp(-((row - 20) ** 2 + (column - 33) ** 2) / 2);
  });

  it.each([
    [[64, 80], 1],
    [[2, 64, 80], 2],
  ])('of the shape %o', async (shape, frames) => {
    const data = encodeNpy({ shape, values: Uint16Array.from([...frame, ...frame].slice(0, frames * frame.length)) });
    const outcome = await testFunction(peaks).event({ subject: '', data, headers: { threshold: '8' } });
    const said = outcome.kind === 'done' ? JSON.parse(Buffer.from(outcome.outputs[0]?.data ?? '').toString()) : outcome;
    expect(said).toMatchObject(
      Array.from({ length: frames }, (_, index) => ({
        index,
        peaks: [{ row: expect.closeTo(20, 0) as unknown, column: expect.closeTo(33, 0) as unknown }],
      })),
    );
  });

  it('refuses settings that cannot be, and other shapes', async () => {
    const data = npy([64, 80], frame);
    for (const headers of [{ threshold: 'many' }, { pixelsMax: 'x' }, { tile: '2' }])
      expect(await testFunction(peaks).event({ subject: '', data, headers })).toMatchObject({ kind: 'reject' });
    expect(await testFunction(peaks).event({ subject: '', data: npy([4], [1, 2, 3, 4]) })).toMatchObject({
      kind: 'reject',
    });
  });
});

function centresOf(outcome: Awaited<ReturnType<ReturnType<typeof testFunction>['event']>>): number[] {
  if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
  return Array.from(decodeNpy(outcome.outputs[0]?.data ?? new Uint8Array(0)).values);
}

function close(values: readonly number[]) {
  return values.map((value) => expect.closeTo(value, 6) as unknown);
}
