// Compat mode against TomoPy's own results, and against a naive transcription of the definition for what those leave out.
import { describe, expect, it } from 'vitest';
import { reconstruct } from '../../../functions/kernels/index.ts';
import { relativeL2 } from '../../../functions/phantom/index.ts';
import { naiveGridrec } from './naive-gridrec.ts';
import { hasOracles, missingReason, readOracle, readOracleDoubles, toSinogram } from './oracle-data.ts';
import { evenAngles, seededRandom } from './scans.ts';

describe.skipIf(!hasOracles)(`reconstruct() compat equals TomoPy (${missingReason})`, () => {
  it.each(['shepp', 'ramlak', 'cosine', 'parzen'])('filter %s', (filter) => {
    const projections = readOracle('proj');
    const [angles = 0, slices = 0, columns = 0] = projections.shape;
    const reference = readOracle(`gridrec_${filter}`).values;
    const result = reconstruct({
      sinogram: toSinogram(projections.values, projections.shape),
      slices,
      angles,
      columns,
      theta: readOracleDoubles('angle'),
      centre: 24,
      filter,
      mode: 'compat',
    });
    expect(relativeL2(result, reference)).toBeLessThan(1e-5);
    const largest = reference.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const worst = result.reduce((max, value, i) => Math.max(max, Math.abs(value - (reference[i] as number))), 0);
    expect(worst).toBeLessThan(1e-4 * largest);
  });
});

describe('reconstruct() compat equals the definition', () => {
  const random = seededRandom(7);
  const irregular = Float64Array.from({ length: 7 }, () => Math.PI * random());
  it.each([
    { columns: 21, theta: evenAngles(7), centre: 10.5 },
    { columns: 21, theta: irregular, centre: 8.25 },
    { columns: 24, theta: evenAngles(6, 1), centre: 14.1 },
    { columns: 16, theta: irregular, centre: 8 },
    { columns: 9, theta: evenAngles(5), centre: 4 },
  ])('$columns columns, centre $centre', ({ columns, theta, centre }) => {
    const slices = 3;
    const sinogram = Float32Array.from({ length: slices * theta.length * columns }, random);
    const result = reconstruct({ sinogram, slices, angles: theta.length, columns, theta, centre, mode: 'compat' });
    for (let slice = 0; slice < slices; slice++) {
      const lines = sinogram.slice(slice * theta.length * columns, (slice + 1) * theta.length * columns);
      const expected = naiveGridrec({ sinogram: lines, columns, theta, centre });
      const pixels = columns * columns;
      expect(relativeL2(result.subarray(slice * pixels, (slice + 1) * pixels), expected)).toBeLessThan(1e-5);
    }
  });
});
