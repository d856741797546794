/** The long form of full-stream.test.ts: the trimmer lets go of handled events once they are out of the duplicate window. */
import { expect, it } from 'vitest';
import { duplicateWindowMs } from '#broker';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { count, fillAndDeploy, handled } from './full-stream.ts';

it(
  'a source that was held back goes on when a function has drained the stream, and nothing is lost',
  async () => {
    using functions = new FunctionFolder();
    await using pilot = await TestPilot.start({ storeSize: '64MiB' });
    await using source = await pilot.events('source');
    const { publishing } = await fillAndDeploy(pilot, source, functions);
    await publishing;
    expect(source.counts).toMatchObject({ sent: count, acked: count });
    await handled(pilot, count);
  },
  duplicateWindowMs + 120_000,
);

it(
  'a function whose outputs go into the same full stream goes on: sources leave it the last tenth',
  async () => {
    using functions = new FunctionFolder();
    await using pilot = await TestPilot.start({ storeSize: '64MiB' });
    await using source = await pilot.events('source');
    const { publishing } = await fillAndDeploy(pilot, source, functions, 'filled.{1}');
    await publishing;
    await handled(pilot, count);
    expect(source.counts).toMatchObject({ sent: count, acked: count });
  },
  4 * duplicateWindowMs,
);
