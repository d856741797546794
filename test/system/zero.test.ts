/** To zero and from zero, and slots: the autoscaler stops only what does nothing, and no node runs more than its slots. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
const slots = 3;
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: slots });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const sleepy = ['on: [{ subject: "sleepy.*" }]', 'output: "slept.{1}"', 'scale: { cooldown: 500ms, max: 4 }'];

async function instancesOf(name: string): Promise<number> {
  return (await pilot.client.get(name)).instances.length;
}

async function asleep(name: string): Promise<void> {
  await eventually(async () => (await instancesOf(name)) === 0, { timeoutMs: 15_000, what: `${name} at zero` });
}

it('a function sleeps until an event wakes it, sleeps again, and is woken by a call', async () => {
  await functions.deploy(pilot, 'sleepy', '(event) => event.data', sleepy);
  expect(await instancesOf('sleepy')).toBe(0);
  for (const round of ['first', 'second']) {
    const through = { function: 'sleepy', subject: 'sleepy', output: 'slept' };
    const run = await publishNumbered(pilot, round, 5, 100, through);
    try {
      await run.finished(10_000);
      expect(wrongCounts(run, 5)).toEqual([]);
    } finally {
      await run.close();
    }
    await asleep('sleepy');
  }
  const called = await pilot.client.invoke('sleepy', Buffer.from('wake up'));
  expect(called).toMatchObject({ cold: true, payload: Buffer.from('wake up') });
  expect((await pilot.client.invoke('sleepy', Buffer.from('still there'))).cold).toBe(false);
  await asleep('sleepy');
}, 90_000);

it('an event that comes to a sleeping function is handled once, whichever node wakes it', async () => {
  // One at a time, each to a function that has just gone to sleep or is about to: the moment where a wake-up could get lost.
  await functions.deploy(pilot, 'naps', '(event) => event.data', [
    'on: [{ subject: "naps.*" }]',
    'output: "napped.{1}"',
    'scale: { cooldown: 100ms, max: 2 }',
  ]);
  const run = await publishNumbered(pilot, 'one', 20, 4, { function: 'naps', subject: 'naps', output: 'napped' });
  try {
    await run.finished(30_000);
    expect(wrongCounts(run, 20)).toEqual([]);
  } finally {
    await run.close();
  }
}, 60_000);

it('a busy instance is never stopped: all calls finish, and no event is given out twice', async () => {
  // The handler tells the attempt; what its result says besides is asked of the consumer below.
  const handler = `async (event, ctx) => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return String(ctx.attempt) + ' ' + ctx.function.instance;
  }`;
  await functions.deploy(pilot, 'busy', handler, [
    'on: [{ subject: "busy.*" }]',
    'output: "done.{1}"',
    'scale: { max: 4, cooldown: 200ms, drainTarget: 300ms }',
  ]);
  await using viewer = await pilot.events('viewer');
  const results = await viewer.read('done.*', { from: 'all' });
  let most = 0;
  const calls: Promise<unknown>[] = [];
  // Waves: the function grows and shrinks again and again, with calls in between.
  for (let wave = 0; wave < 4; wave++) {
    const run = await publishNumbered(pilot, `wave${wave}`, 12, 200, {
      function: 'busy',
      subject: 'busy',
      output: 'done',
    });
    calls.push(pilot.client.invoke('busy', Buffer.from('x')));
    await eventually(
      async () => {
        most = Math.max(most, await instancesOf('busy'));
        return run.results.size === 12;
      },
      { timeoutMs: 20_000, what: `wave ${wave}` },
    );
    expect(wrongCounts(run, 12)).toEqual([]);
    await run.close();
    await eventually(async () => (await instancesOf('busy')) < Math.max(2, most), {
      timeoutMs: 10_000,
      what: 'fewer instances',
    });
  }
  await Promise.all(calls);
  expect(most).toBeGreaterThanOrEqual(2);
  const seen: string[] = [];
  for await (const { data } of results) if (seen.push(Buffer.from(data).toString()) === 48) break;
  expect(seen.filter((text) => !text.startsWith('1 '))).toEqual([]);
  // A delivery more than there are events would be a redelivery.
  const { summary } = await pilot.client.get('busy');
  expect(summary?.failed).toBe(0);
  expect(summary?.handled).toBeLessThanOrEqual(48 + calls.length);
}, 120_000);

it('no node ever runs more than its slots while functions compete for them', async () => {
  const names = ['red', 'green', 'blue', 'white'];
  for (const name of names) {
    const wait = 'async (event) => { await new Promise((resolve) => setTimeout(resolve, 40)); return event.data; }';
    await functions.deploy(pilot, name, wait, [
      `on: [{ subject: "${name}.*" }]`,
      `output: "${name}out.{1}"`,
      'scale: { max: 6, cooldown: 200ms, drainTarget: 200ms }',
    ]);
  }
  const count = 100;
  const runs = await Promise.all(
    names.map((name) =>
      publishNumbered(pilot, name, count, 200, { function: name, subject: name, output: `${name}out` }),
    ),
  );
  let looks = 0;
  let fullest = 0;
  try {
    await eventually(
      async () => {
        for (const node of await pilot.client.nodes()) {
          looks++;
          fullest = Math.max(fullest, node.slotsUsed);
          expect(node.instances.length).toBeLessThanOrEqual(slots);
          expect(node.slotsUsed).toBeLessThanOrEqual(node.slots);
        }
        return runs.every(({ results }) => results.size === count);
      },
      { timeoutMs: 60_000, what: 'all results' },
    );
    for (const run of runs) expect(wrongCounts(run, count)).toEqual([]);
    // All slots were in use, so that there was something to go wrong.
    expect(fullest).toBe(slots);
    expect(looks).toBeGreaterThan(20);
  } finally {
    for (const run of runs) await run.close();
  }
}, 120_000);
