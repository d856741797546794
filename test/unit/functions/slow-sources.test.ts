// A source may be slow to make its messages; the process it runs in still hears signals and looks after its connections.
import { describe, expect, it } from 'vitest';
import {
  builtInSources,
  noFaults,
  type OpenSource,
  parseRate,
  produce,
  resolveSettings,
} from '../../../functions/sources/index.ts';

/** So often the event loop came round until the work was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work.finally(() => clearInterval(timer));
  return turns;
}

describe('other things go on', () => {
  it('between the messages of a run', async () => {
    const clock = { time: 0, now: () => clock.time, epoch: () => clock.time, sleep: () => Promise.resolve() };
    const source: OpenSource = {
      message: () => {
        clock.time += 100;
        const until = performance.now() + 3;
        while (performance.now() < until);
        return { subject: 'a', data: '' };
      },
    };
    // A sink that never makes anybody wait: without a pause of its own the run would be one turn of the loop.
    const counts = { acked: 0, retried: 0, held: 0 };
    const sink = { publish: () => Promise.resolve(), flush: () => Promise.resolve(), counts };
    const rate = parseRate('max', () => '');
    const run = { source, sink, run: 'r', producer: 0, producers: 1, count: 50, rate, faults: noFaults, clock };
    expect(await turnsDuring(produce(run))).toBeGreaterThan(10);
  });

  it.each(['frames', 'sinograms'])('while the light source prepares %s, and it can be stopped', async (send) => {
    const source = builtInSources['lightsource'] as NonNullable<(typeof builtInSources)[string]>;
    const given = ['rows=32', 'columns=256', 'angles=100', 'prepare=true', `send=${send}`];
    const open = async (signal?: AbortSignal) =>
      await source.open(resolveSettings(source, given), { run: 'r1', signal });
    expect(await turnsDuring(open())).toBeGreaterThan(10);
    await expect(open(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
