// Accurate mode against the phantom's truth: the gates of the project, and everything that must not move the picture.
import { describe, expect, it } from 'vitest';
import { circularMask, isInsideDisk, reconstruct } from '../../../functions/kernels/index.ts';
import {
  drawEllipses,
  measureQuality,
  projectEllipses,
  relativeL2,
  sheppLogan,
} from '../../../functions/phantom/index.ts';
import { evenAngles, type PhantomInput, phantomInput, seededRandom, shrunkPhantom } from './scans.ts';

function psnr(input: PhantomInput, filter = 'shepp'): number {
  const { columns, scale = 1 } = input;
  const image = reconstruct({ ...phantomInput(input), filter });
  return measureQuality(image, drawEllipses(shrunkPhantom(scale), columns), { columns }).psnr;
}

describe('reconstruct() accurate: PSNR on the analytic phantom', () => {
  it.each([
    { columns: 128, angles: 180, psnrMin: 32 },
    { columns: 256, angles: 180, psnrMin: 34 },
    { columns: 512, angles: 180, psnrMin: 32.5 },
    { columns: 512, angles: 720, psnrMin: 36.5 },
  ])('$columns columns, $angles angles: >= $psnrMin dB', ({ columns, angles, psnrMin }) => {
    expect(psnr({ columns, theta: evenAngles(angles) })).toBeGreaterThan(psnrMin);
  });

  it('has gain 1: the mean over the disk is that of the truth', () => {
    const columns = 128;
    const image = reconstruct(phantomInput({ columns, theta: evenAngles(180) }));
    const truth = drawEllipses(sheppLogan, columns);
    const mean = (values: Float32Array): number => {
      const inside = values.filter((_, i) =>
        isInsideDisk(Math.floor(i / columns), i % columns, { rows: columns, columns }, 0.95),
      );
      return inside.reduce((sum, value) => sum + value, 0) / inside.length;
    };
    expect(mean(image) / mean(truth)).toBeCloseTo(1, 2);
  });

  // 129 and 258 leave one grid column over after the blocks of eight that are transformed together.
  it.each([
    [101, 30],
    [127, 32],
    [129, 32],
    [258, 34],
    [255, 34],
  ])('width %i: nothing is shifted by half a pixel, no row is lost', (columns, psnrMin) => {
    expect(psnr({ columns, theta: evenAngles(180) })).toBeGreaterThan(psnrMin);
  });

  it.each([100.3, 128, 141.7])('axis at column %d', (centre) => {
    expect(psnr({ columns: 256, theta: evenAngles(180), centre, scale: 0.75 })).toBeGreaterThan(31.5);
  });

  it('a full turn, negative angles and both ends of the half turn', () => {
    const columns = 128;
    const half = evenAngles(180);
    const base = psnr({ columns, theta: half });
    expect(psnr({ columns, theta: evenAngles(360, 1) })).toBeGreaterThan(base - 0.3);
    expect(psnr({ columns, theta: half.map((angle) => angle - Math.PI) })).toBeGreaterThan(base - 0.01);
    const bothEnds = Float64Array.from({ length: 181 }, (_, i) => (Math.PI * i) / 180);
    expect(psnr({ columns, theta: bothEnds })).toBeGreaterThan(base - 0.1);
  });

  it('irregular angles are weighted by the part of the turn they stand for', () => {
    // The second half of the turn has three times as many angles as the first.
    const dense = Float64Array.from({ length: 240 }, (_, i) =>
      i < 60 ? (Math.PI * i) / 120 : Math.PI * (0.5 + (i - 60) / 360),
    );
    expect(psnr({ columns: 128, theta: dense })).toBeGreaterThan(29);
    const random = seededRandom(3);
    const jittered = evenAngles(180).map((angle) => angle + 0.008 * (random() - 0.5));
    expect(psnr({ columns: 128, theta: jittered })).toBeGreaterThan(31.5);
  });

  it('does not turn or mirror the picture', () => {
    const columns = 64;
    const theta = evenAngles(90);
    // One small disk up and to the right of the axis: column > n/2, row < n/2.
    const disk = [{ density: 1, a: 0.1, b: 0.1, x: 0.5, y: 0.25, turn: 0 }];
    const truth = drawEllipses(disk, columns);
    expect(truth[(columns / 2 - 1 - 8) * columns + columns / 2 + 16]).toBe(1);
    const sinogram = projectEllipses(disk, { columns, theta });
    const image = reconstruct({ sinogram, slices: 1, angles: theta.length, columns, theta });
    expect(measureQuality(image, truth, { columns }).psnr).toBeGreaterThan(30);
  });
});

describe('reconstruct() pairs of slices', () => {
  const columns = 64;
  const theta = evenAngles(60);
  const one = phantomInput({ columns, theta });
  const other = phantomInput({ columns, theta, scale: 0.6 });
  const pixels = columns * columns;

  it.each(['accurate', 'compat'] as const)('%s: a slice comes out the same alone and beside another', (mode) => {
    const three = Float32Array.from([...one.sinogram, ...other.sinogram, ...one.sinogram]);
    const together = reconstruct({ ...one, sinogram: three, slices: 3, mode });
    // Compat magnifies rounding at the corners, where it divides by a kernel of 0.008.
    const alone = [reconstruct({ ...one, mode }), reconstruct({ ...other, mode })];
    expect(relativeL2(together.subarray(0, pixels), alone[0] ?? [])).toBeLessThan(3e-5);
    expect(relativeL2(together.subarray(pixels, 2 * pixels), alone[1] ?? [])).toBeLessThan(3e-5);
    expect(relativeL2(together.subarray(2 * pixels), alone[0] ?? [])).toBeLessThan(3e-5);
  });

  it.each(['accurate', 'compat'] as const)('%s: each slice of a pair may have its own centre', (mode) => {
    // Masked, for the same reason.
    const maskRatio = 0.95;
    const shifted = phantomInput({ columns, theta, scale: 0.6, centre: 28.5 });
    const both = Float32Array.from([...one.sinogram, ...shifted.sinogram]);
    const together = reconstruct({
      ...one,
      sinogram: both,
      slices: 2,
      mode,
      maskRatio,
      centre: Float64Array.of(32, 28.5),
    });
    expect(relativeL2(together.subarray(0, pixels), reconstruct({ ...one, mode, maskRatio }))).toBeLessThan(3e-5);
    expect(relativeL2(together.subarray(pixels), reconstruct({ ...shifted, mode, maskRatio }))).toBeLessThan(3e-5);
  });

  it('is linear', () => {
    const sum = one.sinogram.map((value, i) => 2 * value - (other.sinogram[i] as number));
    const [first, second] = [reconstruct(one), reconstruct(other)];
    const expected = first.map((value, i) => 2 * value - (second[i] as number));
    expect(relativeL2(reconstruct({ ...one, sinogram: sum }), expected)).toBeLessThan(3e-5);
  });
});

describe('circularMask()', () => {
  it('keeps what lies within the ratio, and reconstruct() applies it', () => {
    const columns = 10;
    const ones = new Float32Array(2 * columns * columns).fill(1);
    circularMask(ones, { rows: columns, columns }, 0.8);
    expect(ones.subarray(0, 100)).toEqual(ones.subarray(100));
    expect([
      ones[0],
      ones[5 * columns + 0],
      ones[5 * columns + 1],
      ones[5 * columns + 8],
      ones[5 * columns + 9],
    ]).toEqual([0, 0, 1, 1, 0]);
    const masked = reconstruct({ ...phantomInput({ columns: 32, theta: evenAngles(30) }), maskRatio: 0.95 });
    expect([masked[0], masked[31], masked[32 * 32 - 1]]).toEqual([0, 0, 0]);
    expect(masked[16 * 32 + 16]).not.toBe(0);
  });
});
