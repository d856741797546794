// The SIMD kernels against the plain TypeScript beside them: odd sizes, irregular angles, axes of their own, whole turns, odd slice counts, grids.

import { describe, expect, it } from 'vitest';
import {
  backProject,
  type FbpOptions,
  filterNames,
  findCentre,
  type IterativeOptions,
  type ReconstructOptions,
  reconstruct,
  reconstructFbp,
  reconstructIterative,
  type Scan,
  updateWithAngles,
} from '../../../functions/kernels/index.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { fc } from '../../harness/properties.ts';
import { expectClose } from './closeness.ts';
import { evenAngles, phantomInput, roughNoise, seededRandom } from './scans.ts';

const kernels = {
  gridrec: await loadKernel('gridrec'),
  iterative: await loadKernel('iterative'),
  fbp: await loadKernel('fbp'),
};

/**
 * Any small scan, with an axis a slice that lies near the middle. Narrower detectors leave cells that a single ray only grazes, and how long
 * that is, is a matter of rounding.
 */
const scans = fc
  .record({
    columns: fc.integer({ min: 4, max: 41 }),
    angles: fc.integer({ min: 1, max: 12 }),
    slices: fc.integer({ min: 1, max: 9 }),
    seed: fc.integer({ min: 1, max: 1e6 }),
    turns: fc.constantFrom(0.5, 1, 'irregular' as const),
    ownAxes: fc.boolean(),
    onLine: fc.boolean(),
    grid: fc.option(fc.record({ rows: fc.integer({ min: 1, max: 16 }), columns: fc.integer({ min: 1, max: 16 }) })),
  })
  .map(({ columns, angles, slices, seed, turns, ownAxes, onLine, grid }) => {
    const random = seededRandom(seed);
    const theta =
      turns === 'irregular' ? Float64Array.from({ length: angles }, () => 7 * random() - 3) : evenAngles(angles, turns);
    const axis = (): number => Math.max(0, columns / 2 + (onLine ? Math.round(4 * random()) / 2 : 3 * random()) - 1);
    const shared = axis();
    const sinogram = Float32Array.from({ length: slices * angles * columns }, random);
    const centre = Float64Array.from({ length: slices }, () => Math.min(columns, ownAxes ? axis() : shared));
    return { columns, angles, slices, theta, sinogram, centre, grid: grid ?? undefined };
  });

const runs = { numRuns: 60 };

describe('SIMD equals plain TypeScript', () => {
  it('gridrec, every filter, both modes', () => {
    const filter = fc.constantFrom(...filterNames);
    const mode = fc.constantFrom('compat' as const, 'accurate' as const);
    fc.assert(
      fc.property(scans, filter, mode, (scan, filterName, modeName) => {
        const options: ReconstructOptions = { ...scan, filter: filterName, mode: modeName };
        expectClose(reconstruct({ ...options, kernel: kernels.gridrec }), reconstruct(options));
      }),
      runs,
    );
  });

  it('gridrec with a table an angle', () => {
    const scan = phantomInput({ columns: 30, theta: evenAngles(8) });
    const filterParameters = Float64Array.from({ length: 8 * 16 }, seededRandom(2));
    const options: ReconstructOptions = { ...scan, mode: 'compat', filter: 'custom', filterParameters };
    expectClose(reconstruct({ ...options, kernel: kernels.gridrec }), reconstruct(options));
  });

  it('fbp', () => {
    fc.assert(
      fc.property(scans, (scan) => {
        const options: FbpOptions = scan;
        expectClose(reconstructFbp({ ...options, kernel: kernels.fbp }), reconstructFbp(options));
      }),
      runs,
    );
  });

  it.each(['mlem', 'osem', 'sirt'] as const)('%s', (algorithm) => {
    fc.assert(
      fc.property(scans, (scan) => {
        const blocks = Math.min(3, scan.angles);
        const options: IterativeOptions = { ...scan, algorithm, iterations: 2, blocks };
        expectClose(reconstructIterative({ ...options, kernel: kernels.iterative }), reconstructIterative(options));
      }),
      runs,
    );
  });

  it('osem by arriving groups', () => {
    fc.assert(
      fc.property(scans, (scan) => {
        const options: IterativeOptions = { ...scan, algorithm: 'osem' };
        const { rows, columns } = scan.grid ?? { rows: scan.columns, columns: scan.columns };
        const [plain, simd] = [0, 1].map(() => new Float32Array(scan.slices * rows * columns).fill(0.01));
        for (let step = 0; step < 2; step++) {
          updateWithAngles(options, plain as Float32Array);
          updateWithAngles({ ...options, kernel: kernels.iterative }, simd as Float32Array);
        }
        expectClose(simd as Float32Array, plain as Float32Array);
      }),
      runs,
    );
  });

  it('plain back-projection', () => {
    fc.assert(
      fc.property(scans, (scan) => {
        expectClose(backProject({ ...scan, kernel: kernels.iterative }), backProject(scan));
      }),
      runs,
    );
  });

  it('4, 8 and 16 slices together', () => {
    const [columns, angles] = [24, 9];
    const random = seededRandom(11);
    for (const slices of [3, 4, 5, 8, 16, 19]) {
      const sinogram = Float32Array.from({ length: slices * angles * columns }, random);
      const options = { sinogram, slices, angles, columns, theta: evenAngles(angles), algorithm: 'mlem' as const };
      expectClose(reconstructIterative({ ...options, kernel: kernels.iterative }), reconstructIterative(options));
    }
  });

  it('finds the same axis', () => {
    const random = seededRandom(1);
    const input = phantomInput({ columns: 96, theta: evenAngles(120), centre: 44.3, scale: 0.8 });
    const scan: Scan = { ...input, sinogram: input.sinogram.map((value) => value + 0.1 * roughNoise(random)) };
    const [plain, simd] = [findCentre(scan), findCentre(scan, kernels.gridrec)];
    expect(simd.kind).toBe('found');
    expect(simd.centre).toBeCloseTo(plain.centre, 2);
  });
});
