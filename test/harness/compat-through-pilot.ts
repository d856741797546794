/** `gridrec` compat through split, gather and a pilot equals TomoPy: the short and the long form share this body. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relativeL2 } from '../../functions/phantom/index.ts';
import { hasOracles, missingReason } from '../unit/functions/oracle-data.ts';
import { collectSlices, deployMainJob, replayInto } from './main-job.ts';
import { oracleCentre, oracleScale, oracleScan, oracleSlices } from './oracle-scan.ts';
import { TestPilot } from './pilot.ts';

export function describeCompat(filters: readonly string[]): void {
  describe.skipIf(!hasOracles)(`gridrec compat through the pilot equals TomoPy (${missingReason})`, () => {
    let pilot: TestPilot;
    beforeAll(async () => {
      pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
    }, 60_000);
    afterAll(async () => {
      await pilot?.[Symbol.asyncDispose]();
    }, 60_000);

    it.each(filters)(
      'filter %s',
      async (filter) => {
        // Each filter is a new version of the function.
        const gridrec = { mode: 'compat', filter, centre: oracleCentre, maskRatio: 0 };
        await deployMainJob(pilot, { split: { rowsPerChunk: 3 }, gridrec });
        const scan = oracleScan(filter);
        const { rows, columns } = scan.metadata;
        await replayInto(pilot, [scan], 1_000);
        const slices = await collectSlices(pilot, filter, rows, 30_000);
        expect(slices.map(({ row }) => row)).toEqual(Array.from({ length: rows }, (_, row) => row));
        for (const { headers } of slices) {
          expect(headers).toMatchObject({
            'Pilotfish-Shape': `${columns},${columns}`,
            'Pilotfish-Dtype': 'f32',
            'Pilotfish-Centre': String(oracleCentre),
            'Pilotfish-Centre-From': 'config',
            'Pilotfish-Missing': '0',
            'Pilotfish-Recon': `gridrec mode=compat filter=${filter}`,
          });
        }
        const reference = oracleSlices(filter);
        const result = new Float32Array(reference.length);
        for (const { row, values } of slices)
          result.set(
            values.map((value) => value * oracleScale),
            row * columns * columns,
          );
        expect(relativeL2(result, reference)).toBeLessThan(1e-4);
        const largest = reference.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        const worst = result.reduce((max, value, at) => Math.max(max, Math.abs(value - (reference[at] ?? 0))), 0);
        expect(worst).toBeLessThanOrEqual(1e-3 * largest);
      },
      60_000,
    );
  });
}
