import { it } from 'vitest';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { deployMainJob, replayInto, collectSlices } from '../harness/main-job.ts';
import { oracleScan } from '../harness/oracle-scan.ts';
import { TestPilot } from '../harness/pilot.ts';
it('dbg', async () => {
  await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  await deployMainJob(pilot, { split: { rowsPerChunk: 3 }, gridrec: { mode: 'compat', filter: 'shepp', centre: 24, maskRatio: 0 } });
  await replayInto(pilot, [oracleScan('shepp')], 1000);
  const s = await collectSlices(pilot, 'shepp', 8, 8000);
  console.log(s.length);
  console.log((await pilot.cli(['list', '-o', 'wide'])).stdout, (await pilot.cli(['logs', 'split'])).stdout.slice(0, 3000), (await pilot.cli(['logs', 'gridrec'])).stdout.slice(0, 3000));
  cpSync(pilot.directory + '/nodes/n1/logs', '/tmp/pf/dbglogs', { recursive: true });
}, 60000);
