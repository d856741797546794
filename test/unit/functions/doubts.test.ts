// What is reconstructed all the same, and said to be doubtful: angles that are odd, detectors that saw nothing or too much.
import { describe, expect, it } from 'vitest';
import { type Scan, scanDoubts, writeProjection } from '../../../functions/kernels/index.ts';
import { projectEllipses, sheppLogan } from '../../../functions/phantom/index.ts';
import { evenAngles } from './scans.ts';

/** Nothing in the beam. */
const ofAngles = (theta: Float64Array): Scan => ({
  sinogram: new Float32Array(theta.length * 16),
  slices: 1,
  angles: theta.length,
  columns: 16,
  theta,
});

describe('scanDoubts()', () => {
  it('are told of whole turns in degrees that pass as radians, and of a single angle', () => {
    const degrees = Float64Array.from({ length: 12 }, (_, i) => i);
    expect(scanDoubts(ofAngles(degrees))[0]).toMatch(/more than one turn/);
    expect(scanDoubts(ofAngles(Float64Array.of(0)))[0]).toMatch(/one angle only/);
    expect(scanDoubts(ofAngles(evenAngles(9, 1)))).toEqual([]);
    expect(scanDoubts(ofAngles(evenAngles(20).map((angle) => angle / 60)))[0]).toMatch(/spans 2\.9 degrees only/);
    expect(scanDoubts(ofAngles(evenAngles(20).map((angle) => angle + 7)))).toEqual([]);
  });

  /** A recorded scan of the phantom of so many rows, as counts; `spoil` is what is wrong with the detector. */
  function doubtsOf(spoil: (counts: { dark: Float32Array; flat: Float32Array; frames: Float32Array[] }) => void) {
    const [rows, columns, angles] = [3, 40, 24];
    const theta = evenAngles(angles);
    const lines = projectEllipses(sheppLogan, { columns, theta });
    const counts = {
      dark: new Float32Array(rows * columns).fill(100),
      flat: new Float32Array(rows * columns).fill(10_100),
      frames: Array.from({ length: angles }, (_, angle) =>
        Float32Array.from(
          { length: rows * columns },
          (_, i) => 100 + Math.round(10_000 * Math.exp(-0.05 * (lines[angle * columns + (i % columns)] as number))),
        ),
      ),
    };
    spoil(counts);
    const shape = { slices: rows, angles, columns };
    const sinogram = new Float32Array(rows * angles * columns);
    for (const [angle, frame] of counts.frames.entries())
      writeProjection(sinogram, shape, { frame, angle, field: counts });
    return scanDoubts({ ...shape, sinogram, theta }).join('\n');
  }

  it('are told of detectors that saw nothing, or too much', () => {
    expect(doubtsOf(() => undefined)).toBe('');
    expect(doubtsOf(({ flat }) => flat.fill(0))).toMatch(/ten times the beam or more: zero flat fields/);
    expect(doubtsOf(({ flat, dark }) => flat.set(dark))).toMatch(/ten times the beam or more: zero flat fields/);
    expect(doubtsOf(({ frames }) => frames[7]?.fill(0))).toMatch(/4\.2 % .*no light at all.*without a beam/);
    const stuck = (value: number, first: number, count: number) =>
      doubtsOf(({ frames }) => {
        for (const frame of frames) frame.fill(value, first, first + count);
      });
    expect(stuck(0, 40, 40)).toMatch(/no light.*\nslice 1 has one value.*dead or/);
    expect(stuck(65_535, 80, 40)).toMatch(/^slice 2 has one value.*saturated row/);
    expect(stuck(0, 57, 1)).toMatch(/slice 1 has columns that never change, 1, the first is 17: dead pixels/);
  });

  it('are not told of a disk on the axis, which looks the same from everywhere', () => {
    const theta = evenAngles(30);
    const disk = [{ density: 1, a: 0.9, b: 0.9, x: 0, y: 0, turn: 0 }];
    const sinogram = projectEllipses(disk, { columns: 32, theta });
    expect(scanDoubts({ sinogram, slices: 1, angles: 30, columns: 32, theta })).toEqual([]);
  });
});
