// The SIMD kernels before and beside reconstruction, against the plain TypeScript beside them: flat field and minus log, rings, peaks, k-means.

import { describe, expect, it } from 'vitest';
import {
  ExcessKernel,
  findPeaks,
  removeRings,
  startModel,
  sumBatch,
  withLineKernel,
  writeProjection,
} from '../../../functions/kernels/index.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { fc } from '../../harness/properties.ts';
import { expectClose } from './closeness.ts';
import { roughNoise, seededRandom } from './scans.ts';

const kernels = {
  lines: await loadKernel('lines'),
  rings: await loadKernel('rings'),
  peaks: await loadKernel('peaks'),
  kmeans: await loadKernel('kmeans'),
};
const runs = { numRuns: 60 };

describe('flat field and minus log', () => {
  const count = fc.constantFrom(0, 1, 2, 99, 100, 101, 5_000, 65_535);
  const shape = { slices: 1, angles: 1 };

  it('of any counts, u16 and f32', () => {
    const pixels = fc.integer({ min: 1, max: 19 });
    const frames = pixels.chain((n) => fc.array(fc.tuple(count, count, count), { minLength: n, maxLength: n }));
    fc.assert(
      fc.property(frames, fc.boolean(), (values, isWide) => {
        const of = (at: 0 | 1 | 2): number[] => values.map((each) => each[at]);
        const field = { dark: Float32Array.from(of(0)), flat: Float32Array.from(of(1)) };
        const frame = isWide ? Float32Array.from(of(2)) : Uint16Array.from(of(2));
        const [plain, simd] = [new Float32Array(frame.length), new Float32Array(frame.length)];
        writeProjection(plain, { ...shape, columns: frame.length }, { frame, angle: 0, field });
        const fast = withLineKernel(field, kernels.lines);
        writeProjection(simd, { ...shape, columns: frame.length }, { frame, angle: 0, field: fast });
        for (const [i, value] of plain.entries())
          expect(Math.abs(value - (simd[i] as number))).toBeLessThan(3e-7 * Math.max(1, Math.abs(value)));
      }),
      runs,
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s is refused', (value) => {
    const field = { dark: new Float32Array(3), flat: new Float32Array(3).fill(1) };
    for (const one of [field, withLineKernel(field, kernels.lines)]) {
      const frame = { frame: Float32Array.of(1, value, 1), angle: 0, field: one };
      expect(() => writeProjection(new Float32Array(3), { ...shape, columns: 3 }, frame)).toThrow(/at value 1; counts/);
    }
  });

  it('a frame of another size is refused', () => {
    const field = withLineKernel({ dark: new Float32Array(3), flat: new Float32Array(3) }, kernels.lines);
    const frame = new Uint16Array(4);
    expect(() => writeProjection(new Float32Array(4), { ...shape, columns: 4 }, { frame, angle: 0, field })).toThrow(
      /3 values where 4/,
    );
  });
});

describe('rings', () => {
  it('any size and width, equal values too', () => {
    const size = fc.record({
      slices: fc.integer({ min: 1, max: 2 }),
      angles: fc.integer({ min: 1, max: 20 }),
      columns: fc.integer({ min: 2, max: 30 }),
      half: fc.integer({ min: 0, max: 12 }),
      levels: fc.constantFrom(3, 1_000_000),
      seed: fc.integer({ min: 1, max: 1e6 }),
    });
    fc.assert(
      fc.property(size, ({ slices, angles, columns, half, levels, seed }) => {
        const random = seededRandom(seed);
        const sinogram = Float32Array.from({ length: slices * angles * columns }, () => Math.floor(levels * random()));
        const scan = { sinogram, slices, angles, columns };
        expect(removeRings(scan, 2 * half + 1, kernels.rings)).toEqual(removeRings(scan, 2 * half + 1));
      }),
      runs,
    );
  });
});

describe('peaks', () => {
  it('the same ones in any frame, masked pixels too', () => {
    const size = fc.record({
      rows: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 70 }),
      tile: fc.constantFrom(4, 7, 32),
      seed: fc.integer({ min: 1, max: 1e6 }),
    });
    const kernel = new ExcessKernel(kernels.peaks);
    fc.assert(
      fc.property(size, ({ rows, columns, tile, seed }) => {
        const random = seededRandom(seed);
        const frame = Float32Array.from({ length: rows * columns }, () => {
          const what = random();
          if (what < 0.02) return Number.NaN;
          return what < 0.06 ? 900 * random() : 20 + 3 * roughNoise(random) - 25 * random();
        });
        const options = { tile, threshold: 4 };
        const plain = findPeaks(frame, { rows, columns }, options);
        const simd = findPeaks(frame, { rows, columns }, { ...options, kernel });
        expect(simd.length).toBe(plain.length);
        const numbers = (peaks: typeof plain) => peaks.flatMap((peak) => [peak.row, peak.column, peak.intensity]);
        expectClose(numbers(simd), numbers(plain));
      }),
      runs,
    );
  });

  it('a frame without a finite pixel has none', () => {
    const frame = new Float32Array(100).fill(Number.NaN);
    expect(findPeaks(frame, { rows: 10, columns: 10 }, { kernel: new ExcessKernel(kernels.peaks) })).toEqual([]);
  });
});

describe('k-means', () => {
  it('sums are the same to the last bit, for any number of centres and dimensions', () => {
    const size = fc.record({
      k: fc.integer({ min: 1, max: 9 }),
      dimensions: fc.integer({ min: 1, max: 7 }),
      points: fc.integer({ min: 1, max: 200 }),
      levels: fc.constantFrom(2, 1_000_000),
      seed: fc.integer({ min: 1, max: 1e6 }),
    });
    fc.assert(
      fc.property(size, fc.boolean(), ({ k, dimensions, points, levels, seed }, isWide) => {
        const random = seededRandom(seed);
        const values = Float32Array.from({ length: points * dimensions }, () => Math.floor(levels * random()) / 7);
        const batch = isWide ? Float64Array.from(values) : values;
        const model = startModel(batch, k, dimensions);
        expect(sumBatch(model, batch, kernels.kmeans)).toEqual(sumBatch(model, batch));
      }),
      runs,
    );
  });

  it('a batch of more points than the kernel takes at once', () => {
    const points = Float32Array.from({ length: 3 * 50_000 }, seededRandom(4));
    const model = startModel(points, 10, 3);
    const [simd, plain] = [sumBatch(model, points, kernels.kmeans), sumBatch(model, points)];
    expect(simd.counts).toEqual(plain.counts);
    expectClose(simd.sums, plain.sums);
  });
});
