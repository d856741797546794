/** The long form of full-stream.test.ts: the trimmer lets go of handled events once they are out of the duplicate window; who waits is told, and may leave. */
import { once } from 'node:events';
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
  'a function that keeps pace goes on when its outputs fill the stream: sources leave it the last tenth',
  async () => {
    const events = 120;
    using functions = new FunctionFolder();
    await using pilot = await TestPilot.start({ storeSize: '64MiB' });
    await using source = await pilot.events('source');
    await functions.deploy(pilot, 'fill', '(event) => event.data', [
      'on: [{ subject: "fill.*" }]',
      'output: "filled.{1}"',
    ]);
    // With their outputs they are 60 MiB, of which the stream holds 31.
    for (let n = 0; n < events; n++) {
      // Held back once the stream is nine tenths full, until the first events are out of the duplicate window.
      await source.publish(`fill.${n}`, Buffer.alloc(256 * 2 ** 10, 7), { id: `pace-${n}` });
      await source.flush();
      await handled(pilot, n + 1);
    }
    expect(source.counts).toMatchObject({ sent: events, acked: events });
    expect(source.counts.held).toBeGreaterThan(0);
  },
  4 * duplicateWindowMs,
);

it('`source run` says that it waits for room, and ends when it is told to', async () => {
  await using pilot = await TestPilot.start({ storeSize: '64MiB' });
  const running = pilot.spawnCli(['source', 'run', 'synthetic', '--set', 'bytes=1000000', '--count', '1000']);
  let said = '';
  const full = new Promise<void>((resolve) => {
    running.stderr.on('data', (part: Buffer) => {
      said += part.toString();
      if (said.includes('the stream is full')) resolve();
    });
  });
  const ended = once(running, 'exit');
  running.stdout.resume();
  await Promise.race([full, ended]);
  expect(running.exitCode, said).toBeNull();
  running.kill('SIGINT');
  const [code] = await ended;
  expect({ code, said }).toMatchObject({ code: 130, said: expect.stringMatching(/\d+ stored; the stream is full/) });
}, 120_000);
