// The axis is found without a start value, within a tenth or two of a column, and where there is none this is said.
import { describe, expect, it } from 'vitest';
import { openDataExchange } from '../../../functions/formats/index.ts';
import { FrameMean, findCentre, reconstruct, writeProjection } from '../../../functions/kernels/index.ts';
import { hasTooth, missingReason, toothPath } from './oracle-data.ts';
import { evenAngles, phantomInput, roughNoise, seededRandom } from './scans.ts';

describe('findCentre() on phantoms', () => {
  it.each([
    { columns: 256, angles: 180, centre: 128, scale: 1, turns: 0.5 },
    { columns: 256, angles: 180, centre: 140.3, scale: 0.8, turns: 0.5 },
    { columns: 256, angles: 180, centre: 66, scale: 0.4, turns: 0.5 },
    { columns: 300, angles: 180, centre: 160.5, scale: 0.8, turns: 0.5 },
    { columns: 101, angles: 60, centre: 45.2, scale: 0.7, turns: 0.5 },
    { columns: 512, angles: 360, centre: 200.7, scale: 0.7, turns: 1 },
  ])('$columns columns, axis at $centre', ({ columns, angles, centre, scale, turns }) => {
    const found = findCentre(phantomInput({ columns, theta: evenAngles(angles, turns), centre, scale }));
    expect(found.kind).toBe('found');
    expect(Math.abs(found.centre - centre)).toBeLessThan(0.25);
  });

  it('bears noise', () => {
    const random = seededRandom(1);
    const input = phantomInput({ columns: 256, theta: evenAngles(180), centre: 120.4, scale: 0.8 });
    const sinogram = input.sinogram.map((value) => value + roughNoise(random));
    const found = findCentre({ ...input, sinogram });
    expect(found.kind).toBe('found');
    expect(Math.abs(found.centre - 120.4)).toBeLessThan(0.3);
  });
});

describe('findCentre() fails with a reason and the middle', () => {
  const theta = evenAngles(180);
  const shape = { slices: 1, angles: 180, columns: 256, theta };

  it.each([0, 0.3])('flat sinogram of %d', (value) => {
    const found = findCentre({ ...shape, sinogram: new Float32Array(256 * 180).fill(value) });
    expect(found).toMatchObject({ kind: 'failed', centre: 128, reason: expect.stringMatching(/flat/) });
  });

  it.each([1, 2, 3, 4, 5])('pure noise, seed %i', (seed) => {
    const found = findCentre({ ...shape, sinogram: new Float32Array(256 * 180).map(seededRandom(seed)) });
    expect(found).toMatchObject({ kind: 'failed', centre: 128, reason: expect.stringMatching(/clearly sharper/) });
  });

  it('axis outside the range searched', () => {
    const found = findCentre(phantomInput({ columns: 256, theta, centre: 50, scale: 0.2 }));
    expect(found).toMatchObject({ kind: 'failed', centre: 128 });
  });

  it('too few angles or columns', () => {
    expect(findCentre(phantomInput({ columns: 64, theta: evenAngles(3) }))).toMatchObject({
      kind: 'failed',
      centre: 32,
    });
    expect(findCentre(phantomInput({ columns: 12, theta: evenAngles(30) }))).toMatchObject({
      kind: 'failed',
      centre: 6,
    });
  });
});

describe.skipIf(!hasTooth)(`the tooth scan (${missingReason})`, () => {
  it('normalises into the known range, has its axis at 296.3 +- 0.5 and gives a picture in the known range', async () => {
    using scan = await openDataExchange(toothPath);
    const { rows, columns, theta, counts } = scan;
    expect([rows, columns, counts]).toEqual([2, 640, { dark: 10, flat: 10, projection: 181 }]);
    const [dark, flat] = [new FrameMean(rows * columns), new FrameMean(rows * columns)];
    for (let i = 0; i < counts.dark; i++) dark.add(scan.readFrame('dark', i));
    for (let i = 0; i < counts.flat; i++) flat.add(scan.readFrame('flat', i));
    const field = { dark: dark.mean(), flat: flat.mean() };
    const shape = { slices: rows, angles: counts.projection, columns };
    const sinogram = new Float32Array(rows * counts.projection * columns);
    for (let angle = 0; angle < counts.projection; angle++) {
      writeProjection(sinogram, shape, { frame: scan.readFrame('projection', angle), angle, field });
    }
    expect(sinogram.reduce((low, value) => Math.min(low, value))).toBeCloseTo(-0.0976, 4);
    expect(sinogram.reduce((high, value) => Math.max(high, value))).toBeCloseTo(1.954, 3);

    const found = findCentre({ ...shape, sinogram, theta });
    expect(found.kind).toBe('found');
    expect(Math.abs(found.centre - 296.3)).toBeLessThan(0.5);

    const slices = reconstruct({ ...shape, sinogram, theta, centre: found.centre, maskRatio: 0.95 });
    expect(slices).toHaveLength(2 * 640 * 640);
    const sorted = slices.toSorted();
    expect(sorted[0]).toBeGreaterThan(-0.012);
    expect(sorted.at(-1)).toBeLessThan(0.02);
    expect(sorted.at(-1)).toBeGreaterThan(0.008);
  });
});
