/** Leases: processes that hang without dying, and nodes that are lost; nobody works on an event that another one has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { isRunning, processesOfNode, stopProcesses } from '../harness/node-processes.ts';
import { type NumberedRun, publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';
import { steadyEcho, stopGatewayWhileEventsFlow } from './gateway-stop.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 3 });
  await functions.deploy(pilot, 'echo', '(event) => event.data', steadyEcho);
  await functions.deploy(
    pilot,
    'slow',
    `async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return event.data;
    }`,
    ['on: [{ subject: "slow.*" }]', 'output: "slowed.{1}"', 'scale: { min: 4, max: 4 }'],
  );
  for (const [name, count] of [
    ['echo', 2],
    ['slow', 4],
  ] as const) {
    await eventually(async () => (await pilot.client.get(name)).summary?.instancesReady === count, {
      timeoutMs: 15_000,
      what: `${count} instances of ${name}`,
    });
  }
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const slow = { function: 'slow', subject: 'slow', output: 'slowed' } as const;

async function nodeState(node: string): Promise<string> {
  const listed = await pilot.cli(['node', 'list', '-o', 'json']);
  const { items } = JSON.parse(listed.stdout) as { items: { id: string; state: string }[] };
  return items.find(({ id }) => id === node)?.state ?? 'missing';
}

/** Resolves when the run's events have flowed through both nodes for a while. */
async function flowing(run: NumberedRun): Promise<void> {
  await eventually(() => run.results.size >= 20, { timeoutMs: 20_000, what: 'twenty results' });
  await eventually(
    async () => (await pilot.client.get('slow')).instances.some(({ node, busy }) => node === 'n2' && busy > 0),
    { timeoutMs: 5_000, what: 'n2 at work' },
  );
}

it('a gateway that hangs is not missed by events, and changes nothing when it is back', async () => {
  await stopGatewayWhileEventsFlow(pilot, 6_000);
}, 90_000);

describe('a node that hangs', () => {
  it('is lost within 5 s, its events finish elsewhere within 8 s, and it rejoins without harm', async () => {
    const count = 200;
    const run = await publishNumbered(pilot, 'hang', count, 12, slow);
    const instances = (await pilot.client.get('slow')).instances.filter(({ node }) => node === 'n2');
    // Two, as long as neither node was busier than the other when they were placed.
    expect(instances.length).toBeGreaterThan(0);
    let wake: (() => void) | undefined;
    try {
      await flowing(run);
      const published = Math.max(...run.results.keys());
      const stoppedAt = performance.now();
      wake = stopProcesses(processesOfNode(pilot, 'n2'));
      const since = () => performance.now() - stoppedAt;
      await eventually(async () => (await nodeState('n2')) === 'lost', { timeoutMs: 10_000, what: 'n2 lost' });
      expect(since()).toBeLessThan(5_500);
      // Whatever n2 held was published before the stop; a few more were on their way to it.
      const held = Array.from({ length: published + 6 }, (_, number) => number);
      await eventually(() => held.every((number) => run.results.has(number)), {
        timeoutMs: 8_000 - since(),
        what: "n2's events are finished by n1",
      });
      wake();
      await eventually(async () => (await nodeState('n2')) === 'ready', { timeoutMs: 10_000, what: 'n2 back' });
      await eventually(() => instances.every(({ pid }) => !isRunning(pid)), {
        timeoutMs: 5_000,
        what: 'the instances of the time before have ended',
      });
      await run.finished(60_000);
      expect(wrongCounts(run, count)).toEqual([]);
      await eventually(async () => (await pilot.client.get('slow')).summary?.instancesReady === 4, {
        timeoutMs: 10_000,
        what: 'four instances again',
      });
    } finally {
      wake?.();
      await run.close();
    }
  }, 120_000);
});

describe('a node whose launcher is killed with kill -9', () => {
  it('is lost, and nothing of it survives', async () => {
    const count = 120;
    const run = await publishNumbered(pilot, 'killed', count, 12, slow);
    try {
      await flowing(run);
      const processes = processesOfNode(pilot, 'n2');
      // Launcher, agent, spawner and at least three instances.
      expect(processes.length).toBeGreaterThanOrEqual(6);
      process.kill(pilot.node('n2').launcher.pid, 'SIGKILL');
      await eventually(() => processes.every((pid) => !isRunning(pid)), {
        timeoutMs: 3_000,
        what: 'every process of n2 is gone',
      });
      await eventually(async () => (await nodeState('n2')) === 'lost', { timeoutMs: 6_000, what: 'n2 lost' });
      await run.finished(60_000);
      expect(wrongCounts(run, count)).toEqual([]);
    } finally {
      await run.close();
    }
  }, 90_000);
});
