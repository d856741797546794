// The FFT against the sum it stands for, and the gridding kernel against the integral equation that defines it.

import { describe, expect, it } from 'vitest';
import { createFftPlan, createFftScratch, runFft } from '../../../functions/kernels/fourier/fft.ts';
import {
  createProlateFunction,
  kernelTransformAt,
  prolateAt,
  tabulateKernel,
} from '../../../functions/kernels/gridrec/pswf.ts';
import { fc } from '../../harness/properties.ts';
import { seededRandom } from './scans.ts';

/** Signal q of a batch, transformed by the definition. */
function sumTransform(values: Float32Array, length: number, batch: number, q: number): Float64Array {
  const result = new Float64Array(2 * length);
  for (let k = 0; k < length; k++) {
    for (let j = 0; j < length; j++) {
      const angle = (-2 * Math.PI * ((j * k) % length)) / length;
      const [re, im] = [values[2 * (j * batch + q)] as number, values[2 * (j * batch + q) + 1] as number];
      result[2 * k] = (result[2 * k] as number) + re * Math.cos(angle) - im * Math.sin(angle);
      result[2 * k + 1] = (result[2 * k + 1] as number) + re * Math.sin(angle) + im * Math.cos(angle);
    }
  }
  return result;
}

describe('runFft()', () => {
  it('equals the sum, for any power of two, batch and seed', () => {
    const cases = fc.record({
      bits: fc.integer({ min: 4, max: 8 }),
      batch: fc.integer({ min: 1, max: 5 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ bits, batch, seed }) => {
        const length = 2 ** bits;
        const plan = createFftPlan(length);
        const random = seededRandom(seed);
        const values = Float32Array.from({ length: 2 * length * batch }, () => random() - 0.5);
        const result = new Float32Array(values.length);
        runFft(
          plan,
          { buffer: values, offset: 0, stride: 2 * batch },
          { buffer: result, offset: 0 },
          batch,
          createFftScratch(plan, batch),
        );
        for (let q = 0; q < batch; q++) {
          const expected = sumTransform(values, length, batch, q);
          for (let k = 0; k < length; k++) {
            expect(result[2 * (k * batch + q)]).toBeCloseTo(expected[2 * k] as number, 4);
            expect(result[2 * (k * batch + q) + 1]).toBeCloseTo(expected[2 * k + 1] as number, 4);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('works in place at an offset', () => {
    const plan = createFftPlan(32);
    const buffer = new Float32Array(2 * 32 + 10).fill(9);
    buffer.fill(0, 6, 70);
    buffer[6] = 1;
    runFft(plan, { buffer, offset: 6, stride: 2 }, { buffer, offset: 6 }, 1, createFftScratch(plan, 1));
    expect([...buffer.subarray(0, 6), ...buffer.subarray(70)]).toEqual(new Array(10).fill(9));
    expect([...buffer.subarray(6, 70)]).toEqual(Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 1 : 0)));
  });

  it('reads a lone column of a grid, so with a stride larger than the batch', () => {
    const plan = createFftPlan(16);
    const random = seededRandom(5);
    const grid = Float32Array.from({ length: 2 * 16 * 16 }, () => random() - 0.5);
    const result = new Float32Array(2 * 16);
    const from = { buffer: grid, offset: 2 * 3, stride: 2 * 16 };
    runFft(plan, from, { buffer: result, offset: 0 }, 1, createFftScratch(plan, 1));
    const expected = sumTransform(grid, 16, 16, 3);
    for (let k = 0; k < 32; k++) expect(result[k]).toBeCloseTo(expected[k] as number, 5);
  });

  it.each([0, 8, 24, 100])('refuses length %i', (length) => {
    expect(() => createFftPlan(length)).toThrow(/power of two/);
  });
});

describe('createProlateFunction()', () => {
  const prolate = createProlateFunction();

  /** Integral over [-1, 1] of cos(c x t) psi(t) dt, Simpson's rule. */
  function integral(x: number): number {
    const panels = 2000;
    let sum = 0;
    for (let i = 0; i <= panels; i++) {
      const t = -1 + (2 * i) / panels;
      const weight = i === 0 || i === panels ? 1 : i % 2 === 1 ? 4 : 2;
      sum += weight * Math.cos(prolate.bandwidth * x * t) * prolateAt(prolate, t);
    }
    return (2 * sum) / (3 * panels);
  }

  it('solves the integral equation: its Fourier transform is itself, times one number', () => {
    const mu = integral(0) / prolateAt(prolate, 0);
    for (const x of [0.1, 0.25, 0.5, 0.75, 0.9, 1]) expect(integral(x)).toBeCloseTo(mu * prolateAt(prolate, x), 7);
    expect((prolate.bandwidth * mu * mu) / (2 * Math.PI)).toBeCloseTo(prolate.concentration, 9);
  });

  it('is the zero-order one (no zeros) with the concentration GridRec names', () => {
    expect(prolate.concentration).toBeCloseTo(0.99998546, 8);
    expect(prolate.coefficients).toHaveLength(11);
    const table = tabulateKernel(prolate, 256);
    expect(table).toHaveLength(513);
    expect(table[0]).toBeCloseTo(1, 12);
    for (let i = 1; i < table.length; i++) expect(table[i]).toBeLessThan(table[i - 1] as number);
    expect(table[512]).toBeGreaterThan(0);
  });

  it('kernelTransformAt() agrees with the eigenvalue at 0 and with its own image beyond', () => {
    const mu = 2 * (prolate.coefficients[0] as number);
    expect(kernelTransformAt(prolate, 0)).toBeCloseTo(2 * mu, 9);
    // Support 4, argument c x = 4 pi f, so the transform at f is 2 mu psi(4 pi f / c).
    expect(kernelTransformAt(prolate, 0.25)).toBeCloseTo(2 * mu * prolateAt(prolate, (4 * Math.PI * 0.25) / 7), 7);
  });
});
