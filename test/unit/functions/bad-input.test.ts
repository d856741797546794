// Bad input, thrown at every kernel: a clear error, or numbers. Never a picture with a NaN in it, never a crash.

import { describe, expect, it } from 'vitest';
import {
  backProject,
  FrameMean,
  InputError,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  type Scan,
  writeProjection,
} from '../../../functions/kernels/index.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { fc } from '../../harness/properties.ts';
import { evenAngles } from './scans.ts';

const kernels = {
  gridrec: await loadKernel('gridrec'),
  iterative: await loadKernel('iterative'),
  fbp: await loadKernel('fbp'),
};
type Centred = Scan & { readonly centre?: number };
const methods: Record<string, (scan: Centred) => Float32Array> = {
  'gridrec compat': (scan) => reconstruct({ ...scan, mode: 'compat', kernel: kernels.gridrec }),
  'gridrec accurate': (scan) => reconstruct({ ...scan, kernel: kernels.gridrec }),
  fbp: (scan) => reconstructFbp({ ...scan, kernel: kernels.fbp }),
  mlem: (scan) => reconstructIterative({ ...scan, algorithm: 'mlem', iterations: 2, kernel: kernels.iterative }),
  sirt: (scan) => reconstructIterative({ ...scan, algorithm: 'sirt', iterations: 2, kernel: kernels.iterative }),
  'back-projection': (scan) => backProject({ ...scan, kernel: kernels.iterative }),
};
const names = Object.keys(methods);

function scanOf(changes: Partial<Centred>): Centred {
  const [angles, columns, slices] = [changes.theta?.length ?? 6, changes.columns ?? 16, changes.slices ?? 2];
  const sinogram = new Float32Array(Math.max(0, slices * angles * columns)).fill(1);
  return { sinogram, slices, angles, columns, theta: evenAngles(angles), ...changes };
}

const withValue = (value: number): Float32Array => scanOf({}).sinogram.with(37, value);

describe.each(names)('%s', (name) => {
  const run = methods[name] as (scan: Centred) => Float32Array;

  it.each([
    ['NaN', { sinogram: withValue(Number.NaN) }, /NaN at slice 0, angle 2, column 5/],
    ['Inf', { sinogram: withValue(Number.POSITIVE_INFINITY) }, /Infinity at slice 0/],
    [
      'too few angles in theta',
      { angles: 7, sinogram: new Float32Array(2 * 7 * 16), theta: evenAngles(6) },
      /theta has 6/,
    ],
    ['degrees for radians', { theta: evenAngles(6).map((angle) => (angle * 180) / Math.PI) }, /look like degrees/],
    ['an angle that is NaN', { theta: evenAngles(6).with(2, Number.NaN) }, /theta\[2\] is NaN/],
    ['an axis outside', { centre: 17 }, /centre 17 lies outside/],
    ['no slices', { slices: 0, sinogram: new Float32Array(0) }, /slices is 0/],
    ['no angles', { theta: new Float64Array(0), sinogram: new Float32Array(0) }, /angles is 0/],
    ['one column', { columns: 1 }, /columns is 1/],
    ['too many columns', { columns: 20_000, slices: 1, theta: Float64Array.of(0) }, /columns is 20000/],
    ['too few values', { sinogram: new Float32Array(5) }, /sinogram has 5 values/],
  ] satisfies [string, Partial<Centred>, RegExp][])('%s is refused', (_, changes, message) => {
    expect(() => run(scanOf(changes))).toThrow(InputError);
    expect(() => run(scanOf(changes))).toThrow(message);
  });

  it('one angle gives numbers', () => {
    const values = run(scanOf({ theta: Float64Array.of(0.3) }));
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('zeros, negative values and huge ones give numbers', () => {
    const value = fc.oneof(
      fc.constant(0),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(1e-30, -1e-30),
    );
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 192, maxLength: 192 }),
        fc.double({ min: 0, max: 16, noNaN: true }),
        (values, centre) => {
          const picture = run(scanOf({ sinogram: Float32Array.from(values), centre }));
          expect(picture.every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('16,384 columns', () => {
  it('are too many for the accurate grid, and it is said what to do', () => {
    expect(() =>
      methods['gridrec accurate']?.(scanOf({ columns: 16_384, slices: 1, theta: Float64Array.of(0) })),
    ).toThrow(/need a frequency grid of 32768 x 32768.*fbp/);
  });
});

describe('flat field', () => {
  const counts = fc.array(fc.constantFrom(0, 1, 100, 65_535), { minLength: 12, maxLength: 12 });

  it('zero flats, dead and saturated rows give finite line integrals', () => {
    fc.assert(
      fc.property(counts, counts, counts, (dark, flat, frame) => {
        const mean = (values: readonly number[]): Float32Array => {
          const sum = new FrameMean(12);
          sum.add(Uint16Array.from(values));
          return sum.mean();
        };
        const sinogram = new Float32Array(12);
        const field = { dark: mean(dark), flat: mean(flat) };
        writeProjection(
          sinogram,
          { slices: 3, angles: 1, columns: 4 },
          { frame: Uint16Array.from(frame), angle: 0, field },
        );
        expect(sinogram.every(Number.isFinite)).toBe(true);
      }),
    );
  });
});
