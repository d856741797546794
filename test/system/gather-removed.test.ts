/** A function that gathered is removed: nothing of its keys stays, and its name can be used again. */
import { expect, it } from 'vitest';
import { deployGather, gatherFunction, gatherState, runGather } from '../harness/gather-run.ts';
import { TestPilot } from '../harness/pilot.ts';
import { draftScan, seededRandom } from '../harness/scan-source.ts';

it('`rm` takes closed keys and the watermark away; the same name gathers anew', async () => {
  await using pilot = await TestPilot.start();
  const drafts = draftScan('x', 50, seededRandom(3));
  const runOnce = async (run: string) => {
    await deployGather(pilot, 0);
    const gather = await runGather(pilot, run, drafts);
    try {
      await gather.finished(20_000);
      return gather.results;
    } finally {
      await gather.close();
    }
  };
  const first = await runOnce('before');
  expect(await gatherState(pilot)).toEqual({ closedKeys: 1, marked: true });
  expect((await pilot.cli(['rm', gatherFunction])).code).toBe(0);
  expect(await gatherState(pilot)).toEqual({ closedKeys: 0, marked: false });
  expect(await runOnce('after')).toEqual(first);
}, 60_000);
