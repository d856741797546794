// Bad input is refused with an error that says what, where, why and what to do.
import { describe, expect, it } from 'vitest';
import {
  InputError,
  type ReconstructOptions,
  ReconstructorCache,
  reconstruct,
} from '../../../functions/kernels/index.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { fc } from '../../harness/properties.ts';
import { evenAngles, phantomInput } from './scans.ts';

const kernel = await loadKernel('gridrec');

const good = phantomInput({ columns: 32, theta: evenAngles(12) });

function refusal(change: Partial<ReconstructOptions>): InputError {
  try {
    reconstruct({ ...good, ...change });
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('the input was taken');
}

describe('reconstruct() refuses', () => {
  it.each([
    ['no slices', { slices: 0, sinogram: new Float32Array(0) }, 'slices', /nothing to reconstruct/],
    ['one column', { columns: 1, sinogram: new Float32Array(12) }, 'columns', /columns is 1/],
    ['too many columns', { columns: 16_385 }, 'columns', /16384/],
    ['no angles', { angles: 0, theta: new Float64Array(0) }, 'angles', /at least one projection/],
    ['a missing angle', { theta: evenAngles(11) }, 'theta', /11 angles but there are 12 projections/],
    ['an angle that is no number', { theta: evenAngles(12).fill(Number.NaN, 3, 4) }, 'theta', /theta\[3\] is NaN/],
    [
      'degrees',
      { theta: evenAngles(12).map((angle) => (angle * 180) / Math.PI) },
      'degrees',
      /look like degrees.*pi\/180/,
    ],
    ['a short sinogram', { sinogram: good.sinogram.subarray(1) }, 'length', /383 values.*need 384/],
    ['a centre off the detector', { centre: 32.5 }, 'centre', /outside the detector/],
    ['a centre that is no number', { centre: Number.NaN }, 'centre', /NaN/],
    ['too many centres', { centre: Float64Array.of(16, 16) }, 'centre', /2 values for 1 slices/],
    ['an unknown filter', { filter: 'sheep' }, 'filter', /"sheep" is not known.*shepp/],
    ['a cut-off of 0', { filter: 'parzen', filterParameters: [0] }, 'filter', /cut-off > 0/],
  ] as const)('%s', (_, change, code, message) => {
    const error = refusal(change);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d in the sinogram, and says where',
    (value) => {
      const sinogram = Float32Array.from([...good.sinogram, ...good.sinogram]);
      sinogram[12 * 32 + 5 * 32 + 7] = value;
      const error = refusal({ sinogram, slices: 2 });
      expect(error.code).toBe('not-finite');
      expect(error.message).toContain('slice 1, angle 5, column 7');
    },
  );

  it('what is not finite anywhere, with the SIMD kernel as without, and the next scan is none the worse', () => {
    const anywhere = fc.record({
      slices: fc.integer({ min: 1, max: 6 }),
      columns: fc.integer({ min: 2, max: 21 }),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      value: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    });
    fc.assert(
      fc.property(anywhere, ({ slices, columns, at, value }) => {
        const cache = new ReconstructorCache(kernel);
        // Their sum does not fit into 32 bits.
        const sinogram = new Float32Array(slices * 12 * columns).fill(3e38);
        const scan = { ...good, sinogram, slices, columns, centre: columns / 2 };
        const before = reconstruct({ ...scan, cache });
        const bad = { ...scan, sinogram: sinogram.with(Math.floor(at * sinogram.length), value) };
        const error = refusal(bad);
        expect(error.code).toBe('not-finite');
        expect(refusal({ ...bad, cache }).message).toBe(error.message);
        expect(reconstruct({ ...scan, cache })).toEqual(before);
      }),
    );
  });
});
