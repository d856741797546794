/** Slots are shared: an instance that only waits gives way to a function that has work, one that works does not. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

it('a call gets the slot of an idle instance of another function, not that of a busy one', async () => {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 2 });
  const answer = async (name: string) =>
    Buffer.from((await pilot.client.invoke(name, Buffer.from('x'))).payload).toString();
  await functions.deploy(
    pilot,
    'busy',
    'async () => { await new Promise((r) => setTimeout(r, 4000)); return "busy"; }',
  );
  for (const name of ['one', 'two', 'three']) await functions.deploy(pilot, name, `() => '${name}'`);
  const busy = answer('busy');
  await eventually(async () => (await pilot.client.get('busy')).instances[0]?.busy === 1, {
    timeoutMs: 10_000,
    what: 'the busy call runs',
  });
  // Each of them still holds its slot, idle, for the cooldown of 30 s when the next one is called.
  for (const name of ['one', 'two', 'three', 'one']) expect(await answer(name)).toBe(name);
  const [node] = await pilot.client.nodes();
  expect(node?.slotsUsed).toBeLessThanOrEqual(2);
  expect(await busy).toBe('busy');
}, 60_000);
