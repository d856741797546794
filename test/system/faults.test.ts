/** R1-R5 under kill -9: 2,000 numbered events, one process of each kind killed while they flow. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';
import { steadyEcho } from './gateway-stop.ts';

const count = 2_000;
const rate = 800;

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
  // As many instances before as after, however the machine's load moves: what changes then is a fault of the fault.
  await functions.deploy(pilot, 'echo', '(event) => event.data', steadyEcho);
  await eventually(async () => (await pilot.client.get('echo')).summary?.instancesReady === 2, {
    timeoutMs: 15_000,
    what: 'two instances',
  });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** Runs the load, kills `pid()` once a fifth of the results are there, and expects one result an event. */
async function withKilled(run: string, pid: () => number | Promise<number>): Promise<void> {
  const load = await publishNumbered(pilot, run, count, rate);
  try {
    await eventually(() => load.results.size > count / 5, { timeoutMs: 30_000, what: 'a fifth of the results' });
    process.kill(await pid(), 'SIGKILL');
    await load.finished(60_000);
    expect(wrongCounts(load, count)).toEqual([]);
  } finally {
    await load.close();
  }
}

async function instancePids(): Promise<number[]> {
  return (await pilot.client.get('echo')).instances.map((instance) => instance.pid);
}

describe('every event has exactly one result after kill -9 of', () => {
  it('an instance', async () => {
    await withKilled('instance', async () => (await instancePids())[0] ?? 0);
  }, 120_000);

  it('an agent', async () => {
    const { instances } = await pilot.client.get('echo');
    const node = instances[0]?.node ?? 'n1';
    await withKilled('agent', () => pilot.pid(node, 'agent'));
  }, 120_000);

  it('the gateway, which changes nothing by being new', async () => {
    const before = await eventually(
      async () => {
        const found = await pilot.client.get('echo');
        return found.summary?.instancesReady === 2 && found.instances.length === 2 ? found : undefined;
      },
      { timeoutMs: 15_000, what: 'two instances after the faults before' },
    );
    await withKilled('gateway', () => pilot.pid('n1', 'gateway'));
    const after = await pilot.client.get('echo');
    expect(after.versions).toEqual(before.versions);
    expect(after.summary?.instancesWanted).toBe(before.summary?.instancesWanted);
    expect(after.summary?.aliases).toEqual(before.summary?.aliases);
    expect(after.instances.map(({ id, pid, startedAtMs }) => ({ id, pid, startedAtMs }))).toEqual(
      before.instances.map(({ id, pid, startedAtMs }) => ({ id, pid, startedAtMs })),
    );
  }, 120_000);

  it('nats-server', async () => {
    await withKilled('broker', () => pilot.pid('n1', 'nats-server'));
  }, 120_000);
});

it('whoever watches a log goes on watching when the gateway is another one', async () => {
  await functions.deploy(pilot, 'tells', '(event, ctx) => { ctx.log.info(`told ${event.text()}`); }', []);
  await pilot.client.invoke('tells', Buffer.from('before'));
  const watching = pilot.spawnCli(['logs', 'tells', '-f']);
  let shown = '';
  let noted = '';
  watching.stdout.on('data', (text: Buffer) => (shown += text.toString('utf8')));
  watching.stderr.on('data', (text: Buffer) => (noted += text.toString('utf8')));
  try {
    await eventually(() => shown.includes('told before'), { timeoutMs: 30_000, what: 'the first line' });
    process.kill(await pilot.pid('n1', 'gateway'), 'SIGKILL');
    const called = () => pilot.client.invoke('tells', Buffer.from('after')).then(() => true);
    await eventually(called, { timeoutMs: 60_000, what: 'a call of the new gateway' });
    await eventually(() => shown.includes('told after'), { timeoutMs: 60_000, what: 'the line after' });
    expect(shown.split('told before')).toHaveLength(2);
    expect(noted).toContain('the gateway is gone; looking for it');
  } finally {
    watching.kill('SIGINT');
  }
}, 180_000);
