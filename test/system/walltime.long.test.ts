/** R7 on one machine: what could outlast the pilot's walltime is not taken on, what runs ends, the rest stays in the stream. */
import { afterAll, expect, test } from 'vitest';
import { listPilots } from '#pilot';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { runCli, TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
afterAll(() => functions[Symbol.dispose]());

test('a pilot with a walltime takes short calls to the last, no long ones, and ends by itself', async () => {
  const walltimeMs = 60_000;
  await using pilot = await TestPilot.start({ nodes: 2, walltime: '60s' });
  const startedAt = Date.now();
  await functions.deploy(pilot, 'quick', '(event) => event.text()', [
    'on: [{ subject: "quick.*" }]',
    'output: "done.quick.{1}"',
    'timeout: 1s',
  ]);
  // Never as long as its timeout: but before a hundred calls are measured nobody knows.
  await functions.deploy(pilot, 'long', '(event) => event.text()', [
    'on: [{ subject: "long.*" }]',
    'output: "done.long.{1}"',
    'timeout: 2m',
  ]);
  await using source = await pilot.events('source');
  await source.publish('quick.1', 'a');
  await source.publish('long.1', 'b');
  await source.flush();
  await eventually(async () => (await pilot.client.get('quick')).summary?.handled === 1, {
    timeoutMs: 20_000,
    what: 'the short call',
  });
  const long = (await pilot.client.get('long')).summary;
  expect({ handled: long?.handled, failed: long?.failed, lag: long?.lag }).toEqual({ handled: 0, failed: 0, lag: 1 });
  expect(await pilot.cli(['invoke', 'long', '-d', 'x'])).toMatchObject({ code: 8 });
  await eventually(() => listPilots(pilot.home)[0]?.state === 'stopped', {
    timeoutMs: walltimeMs + 40_000,
    what: 'the end of the walltime',
  });
  expect(Date.now() - startedAt, 'not before its time').toBeGreaterThan(walltimeMs - 20_000);
  expect((await runCli(['pilot', 'list'], { PILOTFISH_HOME: pilot.home })).stdout).toMatch(/stopped\t0\/2/);
  for (const words of [['list'], ['pub', 'quick.2', '-d', 'x'], ['tail', 'done.*']])
    expect(await runCli(words, { PILOTFISH_HOME: pilot.home }), words.join(' ')).toMatchObject({
      code: 8,
      stdout: '',
      stderr: expect.stringMatching(/pilot p-\w+ ended at 20[-\d:.T]+Z: its walltime was over/),
    });
});
