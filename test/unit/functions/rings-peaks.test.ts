// Ring removal takes stripes out and leaves a clean sinogram nearly alone; the peak finder finds what was put in.

import { describe, expect, it } from 'vitest';
import { findPeaks, InputError, removeRings } from '../../../functions/kernels/index.ts';
import { relativeL2 } from '../../../functions/phantom/index.ts';
import { fc } from '../../harness/properties.ts';
import { evenAngles, phantomInput, roughNoise, seededRandom } from './scans.ts';

describe('removeRings()', () => {
  const clean = phantomInput({ columns: 96, theta: evenAngles(90) });
  const random = seededRandom(9);
  const offsets = Float64Array.from({ length: 96 }, (_, i) => (i % 11 === 5 ? 12 * (random() - 0.5) : 0));
  const striped = { ...clean, sinogram: clean.sinogram.map((value, i) => value + (offsets[i % 96] as number)) };

  it('takes stripes out', () => {
    const before = relativeL2(striped.sinogram, clean.sinogram);
    const after = relativeL2(removeRings(striped, 5), clean.sinogram);
    expect(after).toBeLessThan(before / 2);
  });

  it('leaves a sinogram without stripes nearly alone', () => {
    expect(relativeL2(removeRings(clean, 5), clean.sinogram)).toBeLessThan(0.03);
  });

  it('refuses even widths', () => {
    expect(() => removeRings(clean, 4)).toThrow(InputError);
  });
});

describe('findPeaks()', () => {
  const grid = { rows: 100, columns: 130 };

  /** Gaussian spots on an uneven background with noise. */
  function frameOf(spots: readonly { row: number; column: number; height: number }[], seed: number): Float32Array {
    const random = seededRandom(seed);
    return Float32Array.from({ length: grid.rows * grid.columns }, (_, i) => {
      const [row, column] = [Math.floor(i / grid.columns), i % grid.columns];
      const spot = spots.reduce(
        (sum, each) => sum + each.height * Math.exp(-((row - each.row) ** 2 + (column - each.column) ** 2) / 2),
        0,
      );
      return 50 + 0.2 * column + 4 * roughNoise(random) + spot;
    });
  }

  it('finds spots where they are, the strongest first', () => {
    const place = fc.record({
      row: fc.double({ min: 5, max: 40, noNaN: true }),
      column: fc.double({ min: 5, max: 55, noNaN: true }),
    });
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 1e6 }), ({ row, column }, seed) => {
        const spots = [
          { row, column, height: 500 },
          { row: row + 50, column: column + 65, height: 300 },
        ];
        const peaks = findPeaks(frameOf(spots, seed), grid);
        expect(peaks).toHaveLength(2);
        for (const [i, spot] of spots.entries()) {
          expect(Math.abs((peaks[i]?.row ?? 0) - spot.row)).toBeLessThan(0.3);
          expect(Math.abs((peaks[i]?.column ?? 0) - spot.column)).toBeLessThan(0.3);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('finds nothing in noise, in a single hot pixel, or in what is masked', () => {
    expect(findPeaks(frameOf([], 3), grid)).toEqual([]);
    const hot = frameOf([], 4);
    hot[500] = 1e5;
    hot[7000] = Number.NaN;
    hot[7001] = Number.POSITIVE_INFINITY;
    expect(findPeaks(hot, grid)).toEqual([]);
  });

  it('takes any frame whatever its values', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 12, maxLength: 12 }), (values) => {
        for (const peak of findPeaks(values, { rows: 3, columns: 4 })) expect(peak.pixels).toBeGreaterThan(1);
      }),
    );
    expect(() => findPeaks(new Float32Array(5), grid)).toThrow(/13000|100 x 130/);
  });
});
