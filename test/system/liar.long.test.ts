/** Agents that say they have done what they were told, report work, and run nothing: others run it, and nobody else is moved. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';

it('what two lying agents were to run comes to run on the honest one', async () => {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 8 });
  await functions.deploy(pilot, 'steady', '(event) => event.data', [
    'on: [{ subject: "steady.*" }]',
    'output: "stood.{1}"',
    'scale: { min: 2, max: 2 }',
  ]);
  const readyOn = async (name: string, node: string) =>
    (await pilot.client.get(name)).instances
      .filter((one) => one.node === node && one.state === 'ready')
      .map(({ id }) => id);
  const steady = await eventually(
    async () => {
      const ids = await readyOn('steady', 'n1');
      return ids.length === 2 ? ids.sort() : undefined;
    },
    { timeoutMs: 30_000, what: 'two ready' },
  );
  const liars = fork(join(import.meta.dirname, '../bench/scale/sim-agents.ts'), [pilot.directory], {
    stdio: 'inherit',
  });
  try {
    liars.send({ from: 0, to: 2, liars: [0, 1] });
    await eventually(async () => (await pilot.client.nodes()).length === 3, { timeoutMs: 30_000, what: 'three nodes' });
    const load = await publishNumbered(pilot, 'beside', 600, 40, {
      function: 'steady',
      subject: 'steady',
      output: 'stood',
    });
    await functions.deploy(pilot, 'work', '(event) => event.data', ['scale: { min: 5, max: 5 }']);
    const begun = performance.now();
    await eventually(async () => (await readyOn('work', 'n1')).length === 5, { timeoutMs: 90_000, what: 'five on n1' });
    process.stderr.write(`five run on the honest node after ${Math.round(performance.now() - begun)} ms\n`);
    await load.finished(60_000);
    expect(wrongCounts(load, 600)).toEqual([]);
    await load.close();
    expect((await readyOn('steady', 'n1')).sort()).toEqual(steady);
    expect((await pilot.client.scale('steady')).decisions.map(({ to }) => to)).toEqual([2]);
  } finally {
    liars.kill('SIGKILL');
  }
}, 300_000);
