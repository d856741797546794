/** fbp, mlem, sirt and peaks on a pilot: the same frames as gridrec gets, TomoPy's pictures out of those that it can make. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployFolder } from '../harness/deploy-folder.ts';
import { replayInto } from '../harness/main-job.ts';
import { oracleScale, oracleScan } from '../harness/oracle-scan.ts';
import { TestPilot } from '../harness/pilot.ts';
import { expectClose } from '../unit/functions/closeness.ts';
import { hasOracles, missingReason, readOracle } from '../unit/functions/oracle-data.ts';

const functions = join(import.meta.dirname, '../../functions');
const scan = 'oracle';
/** Rays count columns from the detector's edge: TomoPy's 24 is sample index 23.5. */
const config = { iterations: 4, blocks: 1, centre: 23.5, maskRatio: 0 };
const waitMs = 60_000;

describe.skipIf(!hasOracles)(`functions that reconstruct (${missingReason})`, () => {
  let pilot: TestPilot;
  beforeAll(async () => {
    pilot = await TestPilot.start({ nodes: 1, coresPerNode: 4 });
    for (const name of ['split', 'fbp', 'mlem', 'sirt', 'peaks']) {
      await deployFolder(pilot, join(functions, name), ['fbp', 'mlem', 'sirt'].includes(name) ? config : {});
    }
    await replayInto(pilot, [oracleScan(scan)], 1_000);
  }, 120_000);
  afterAll(async () => {
    await pilot?.[Symbol.asyncDispose]();
  }, 60_000);

  /** The first events under a prefix, by the number at the end of their subjects. */
  async function collect(prefix: string, count: number) {
    await using viewer = await pilot.events('viewer');
    const found: { row: number; data: Uint8Array; headers: Readonly<Record<string, string>> }[] = [];
    const signal = AbortSignal.timeout(waitMs);
    for await (const { subject, data, headers } of await viewer.read(prefix, { from: 'all', signal })) {
      found.push({ row: Number(subject.split('.').at(-1)), data: Uint8Array.from(data), headers });
      if (found.length === count) break;
    }
    return found.sort((a, b) => a.row - b.row);
  }

  it.each(['mlem', 'sirt'])('%s equals TomoPy', async (name) => {
    const slices = await collect(`${name}.${scan}.*`, 8);
    expect(slices.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(slices[0]?.headers).toMatchObject({
      'Pilotfish-Shape': '48,48',
      'Pilotfish-Function': `${name}@1`,
      'Pilotfish-Recon': `${name} iterations=4`,
    });
    const values = slices.flatMap(({ data }) =>
      Array.from(new Float32Array(data.buffer), (value) => value * oracleScale),
    );
    expectClose(values, readOracle(name).values);
  });

  it('fbp gives every slice', async () => {
    const slices = await collect(`fbp.${scan}.*`, 8);
    expect(slices.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { data } of slices) expect(new Float32Array(data.buffer).every(Number.isFinite)).toBe(true);
  });

  it('peaks answers every projection', async () => {
    const answers = await collect(`peaks.${scan}`, 16);
    const indexes = answers.map(({ data }) => (JSON.parse(Buffer.from(data).toString()) as { index: number }).index);
    expect(indexes.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });
});
