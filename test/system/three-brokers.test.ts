/** Three nats-servers, each with all that is stored: one may be lost with its node, the gateway's too, while events flow. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats } from '#broker';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { killNode } from '../harness/node-processes.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { runCli, TestPilot } from '../harness/pilot.ts';
import { steadyEcho } from './gateway-stop.ts';

const count = 3_000;
const rate = 250;

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 3, coresPerNode: 2, brokers: 3, storeSize: '512MiB' });
  await functions.deploy(pilot, 'echo', '(event) => event.data', steadyEcho);
}, 90_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** Calls without a pause until the signal aborts; how many answered, and how many did not. */
async function callAllTheTime(signal: AbortSignal): Promise<{ answered: number; failed: string[] }> {
  let answered = 0;
  const failed: string[] = [];
  while (!signal.aborted) {
    await pilot.client.invoke('echo', Buffer.from('x'), { timeoutMs: 5_000 }).then(
      () => answered++,
      (error: Error) => failed.push(error.message),
    );
  }
  return { answered, failed };
}

async function underLoad(run: string, fault: () => void): Promise<{ answered: number; failed: string[] }> {
  const load = await publishNumbered(pilot, run, count, rate);
  const stop = new AbortController();
  const calls = callAllTheTime(stop.signal);
  try {
    await eventually(() => load.results.size > count / 5, { timeoutMs: 30_000, what: 'a fifth of the results' });
    fault();
    await load.finished(90_000);
    expect(wrongCounts(load, count)).toEqual([]);
  } finally {
    stop.abort();
    await load.close();
  }
  return await calls;
}

it('everything that is stored is stored three times', async () => {
  const { brokers } = pilot.connection;
  expect(brokers).toHaveLength(3);
  const seed = readFileSync(join(pilot.directory, 'keys', 'gateway.seed'), 'utf8').trim();
  const connection = await connectNats({ servers: brokers, seed, role: 'gateway', member: 'test' });
  const found: Record<string, number> = {};
  const manager = await jetstreamManager(connection);
  for await (const { config } of manager.streams.list()) found[config.name] = config.num_replicas;
  await connection.close();
  expect(Object.keys(found)).toEqual(expect.arrayContaining(['EVENTS', 'KV_registry', 'KV_state', 'OBJ_artifacts']));
  expect(new Set(Object.values(found))).toEqual(new Set([3]));
});

it('`--brokers 3` is refused where there are fewer nodes, and two brokers anywhere', async () => {
  expect(await runCli(['up', '--nodes', '2', '--brokers', '3'], { PILOTFISH_HOME: pilot.home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--brokers 3 needs 3 nodes'),
  });
  expect(await runCli(['up', '--nodes', '3', '--brokers', '2'], { PILOTFISH_HOME: pilot.home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('1 or 3'),
  });
});

describe('every event has exactly one result, and calls go on, after kill -9 of', () => {
  it('the nats-server that the gateway is connected to', async () => {
    const calls = await underLoad('server', () => process.kill(pilot.pid('n1', 'nats-server'), 'SIGKILL'));
    expect(calls.failed).toEqual([]);
    expect(calls.answered).toBeGreaterThan(20);
  }, 180_000);

  it('the whole first node, with server, gateway and agent: another node acts as the gateway', async () => {
    const calls = await underLoad('node', () => killNode(pilot, 'n1'));
    expect(calls.answered).toBeGreaterThan(20);
    // A client that knew the old gateway has found the new one.
    const nodes = await pilot.client.nodes();
    expect(nodes.find(({ id }) => id === 'n1')?.state ?? 'lost').toBe('lost');
    expect(nodes.filter(({ state }) => state === 'ready').map(({ id }) => id)).toEqual(['n2', 'n3']);
    // So have commands.
    expect(await pilot.cli(['invoke', 'echo', '-d', 'hi'])).toMatchObject({ code: 0, stdout: 'hi' });
    await functions.deploy(pilot, 'later', '(event) => event.data');
    expect(await pilot.cli(['invoke', 'later', '-d', 'on'])).toMatchObject({ code: 0, stdout: 'on' });
  }, 180_000);
});
