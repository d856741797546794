// ML-EM, OSEM, SIRT and plain back-projection in TypeScript against TomoPy's results, the analytic phantom, and exact lengths.
import { describe, expect, it } from 'vitest';
import { backProject, type IterativeOptions, reconstructIterative } from '../../../functions/kernels/index.ts';
import { RayTracer, rayDirection, rayDistance, rayOffset } from '../../../functions/kernels/iterative/rays.ts';
import { drawEllipses, measureQuality, projectEllipses, sheppLogan } from '../../../functions/phantom/index.ts';
import { loadKernel } from '../../harness/kernels.ts';
import { expectClose } from './closeness.ts';
import { hasOracles, missingReason, oracleScan, readOracle } from './oracle-data.ts';
import { evenAngles, seededRandom } from './scans.ts';

describe.skipIf(!hasOracles)(`equal to TomoPy (${missingReason})`, () => {
  it.each(['mlem', 'sirt'] as const)('%s, 4 iterations', (algorithm) => {
    expectClose(reconstructIterative({ ...oracleScan(), algorithm, iterations: 4 }), readOracle(algorithm).values);
  });

  it('osem with one block is mlem', () => {
    const result = reconstructIterative({ ...oracleScan(), algorithm: 'osem', blocks: 1, iterations: 4 });
    expectClose(result, readOracle('mlem').values);
  });

  it('backProject()', () => {
    expectClose(backProject(oracleScan()), readOracle('fbp').values);
  });
});

/** Measured with TomoPy's C (commit 593cb62d): six columns on 5 x 4 cells at 90, 180 and 270 degrees, where every ray runs along a line. */
const alongLines = [
  [50, 40, 30, 20],
  [255, 245, 240, 634],
  [354, 345.3334, 335.3334, 920],
  [453, 443, 833, 823],
  [552, 542, 534, 1524],
];

it.each([
  ['plain TypeScript', undefined],
  ['SIMD', await loadKernel('iterative')],
])('rays along the lines of a grid are on the side that TomoPy rounds them to: %s', (_, kernel) => {
  const columns = 6;
  const theta = Float64Array.of(Math.PI / 2, Math.PI, 1.5 * Math.PI);
  const sinogram = Float32Array.from(
    { length: 3 * columns },
    (_, i) => (1 + (i % columns)) * 10 ** Math.floor(i / columns),
  );
  const scan = { sinogram, slices: 1, angles: 3, columns, theta, grid: { rows: 5, columns: 4 }, kernel };
  expectClose(backProject(scan), Float32Array.from(alongLines.flat()));
});

/** The phantom where the iterative methods show it: its middle between the two middle cells. */
function phantomScan(columns: number, angles: number): { scan: IterativeOptions; truth: Float32Array } {
  const theta = evenAngles(angles);
  const sinogram = projectEllipses(sheppLogan, { columns, theta, centre: columns / 2 - 0.5 });
  const half = 1 / columns;
  const truth = drawEllipses(
    sheppLogan.map((ellipse) => ({ ...ellipse, x: ellipse.x - half, y: ellipse.y - half })),
    columns,
  );
  return { scan: { sinogram, slices: 1, angles, columns, theta, algorithm: 'mlem' }, truth };
}

describe('on the analytic phantom', () => {
  const columns = 64;
  const { scan, truth } = phantomScan(columns, 90);
  const psnrOf = (options: Partial<IterativeOptions>): number =>
    measureQuality(reconstructIterative({ ...scan, ...options }), truth, { columns }).psnr;

  it('more iterations of mlem come closer, and osem needs a block-th of them', () => {
    const slow = [5, 10, 20].map((iterations) => psnrOf({ iterations }));
    const fast = [1, 2, 4].map((iterations) =>
      psnrOf({ algorithm: 'osem', blocks: 5, order: 'interleaved', iterations }),
    );
    expect(slow).toEqual(slow.toSorted((a, b) => a - b));
    for (const [i, psnr] of fast.entries()) expect(Math.abs(psnr - (slow[i] as number))).toBeLessThan(0.15);
  });

  it('sirt comes closer as well', () => {
    expect(psnrOf({ algorithm: 'sirt', iterations: 30 })).toBeGreaterThan(psnrOf({ algorithm: 'sirt', iterations: 5 }));
  });

  it('axes of single slices are their own: each slice equals the one reconstructed alone', () => {
    const random = seededRandom(3);
    const theta = evenAngles(7, 1);
    const [slices, width] = [3, 21];
    const sinogram = Float32Array.from({ length: slices * theta.length * width }, random);
    const centre = Float64Array.of(10.5, 8.25, 13);
    const common = { angles: theta.length, columns: width, theta, algorithm: 'mlem' as const, iterations: 3 };
    const all = reconstructIterative({ ...common, sinogram, slices, centre });
    for (let slice = 0; slice < slices; slice++) {
      const lines = sinogram.slice(slice * theta.length * width, (slice + 1) * theta.length * width);
      const alone = reconstructIterative({ ...common, sinogram: lines, slices: 1, centre: centre[slice] });
      expectClose(all.subarray(slice * width * width, (slice + 1) * width * width), alone);
    }
  });
});

describe('RayTracer', () => {
  it('the lengths of a ray add up to its chord, whatever its angle and distance', () => {
    const random = seededRandom(5);
    const grid = { rows: 13, columns: 20 };
    const tracer = new RayTracer(grid);
    for (let i = 0; i < 500; i++) {
      const { cosine, sine } = rayDirection(2 * Math.PI * random());
      const distance = 16 * (random() - 0.5);
      const count = tracer.trace(distance, cosine, sine);
      const sum = tracer.lengths.subarray(0, count).reduce((total, length) => total + length, 0);
      // Crossings within .01 of a border are left out, so up to a cell's diagonal may be missing at each end.
      const chord = chordOf(grid, { distance, cosine, sine });
      expect(sum).toBeLessThan(chord + 1e-3);
      expect(sum).toBeGreaterThan(chord - 2 * Math.SQRT2);
      for (const cell of tracer.cells.subarray(0, count)) expect(cell).toBeGreaterThanOrEqual(0);
    }
  });

  it('rays lie half a column before the axis, and .01 off a grid line', () => {
    expect(rayDistance(48, 0, rayOffset(48, 24))).toBeCloseTo(-23.5, 5);
    expect(rayDistance(48, 0, rayOffset(48, 23.5))).toBeCloseTo(-22.99, 5);
  });
});

function chordOf(
  { rows, columns }: { rows: number; columns: number },
  { distance, cosine, sine }: { distance: number; cosine: number; sine: number },
): number {
  let [low, high] = [-1e9, 1e9];
  for (const [from, step, half] of [
    [-distance * sine, cosine, rows / 2],
    [distance * cosine, sine, columns / 2],
  ] as const) {
    low = Math.max(low, Math.min((-half - from) / step, (half - from) / step));
    high = Math.min(high, Math.max((-half - from) / step, (half - from) / step));
  }
  return Math.max(0, high - low);
}
