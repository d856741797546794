/** Order per key: results of a key follow each other as their events did, while shards move, calls fail and agents are killed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { type OrderedOptions, publishOrdered, wrongOrder } from '../harness/ordered.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 3 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** Longer for smaller numbers: whatever could overtake, does. */
const slowing =
  '(event, ctx) => new Promise((done) => setTimeout(done, (7 - (Number(event.text()) % 8)) * 2, event.data))';

function settings(name: string, more: readonly string[]): string[] {
  return [`on: [{ subject: "${name}.*" }]`, `output: "${name}-done.{1}"`, 'order: { key: "{1}" }', ...more];
}

async function nodesOf(name: string): Promise<string[]> {
  const { instances } = await pilot.client.get(name);
  return [...new Set(instances.filter(({ state }) => state === 'ready').map(({ node }) => node))].sort();
}

describe('a function with order', () => {
  const run: OrderedOptions = {
    function: 'line',
    subject: 'line',
    output: 'line-done',
    keys: 24,
    count: 60,
    rate: 400,
  };

  it('handles the events of a key one after the other, several keys at once, on all its instances', async () => {
    await functions.deploy(pilot, 'line', slowing, settings('line', ['concurrency: 4', 'scale: { min: 2, max: 4 }']));
    const load = await publishOrdered(pilot, run);
    try {
      await load.finished(run.keys * run.count, 60_000);
      expect(wrongOrder(load, run)).toEqual([]);
      expect(await nodesOf('line')).toEqual(['n1', 'n2']);
    } finally {
      await load.close();
    }
  }, 120_000);

  it('keeps the order when an agent is killed, and when the function is deployed anew meanwhile', async () => {
    await functions.deploy(pilot, 'kept', slowing, settings('kept', ['concurrency: 4', 'scale: { min: 2, max: 4 }']));
    const kept = { ...run, function: 'kept', subject: 'kept', output: 'kept-done' };
    const load = await publishOrdered(pilot, kept);
    try {
      const seen = () => [...load.results.values()].flat().length;
      await eventually(() => seen() > 200, { timeoutMs: 30_000, what: 'the first results' });
      process.kill(pilot.pid('n2', 'agent'), 'SIGKILL');
      await eventually(() => seen() > 500, { timeoutMs: 30_000, what: 'results after the kill' });
      const other = `${slowing} /* another version */`;
      await functions.deploy(pilot, 'kept', other, settings('kept', ['concurrency: 2', 'scale: { min: 2, max: 4 }']));
      await load.finished(run.keys * run.count, 90_000);
      expect(wrongOrder(load, kept)).toEqual([]);
    } finally {
      await load.close();
    }
  }, 180_000);

  it('keeps a key waiting while one of its events is tried again; what fails for good lets the next one go', async () => {
    const failing = `(event, ctx) => {
      const number = Number(event.text());
      if (number % 10 === 3 && ctx.attempt < 3) throw new Error('not yet');
      if (number % 10 === 7) throw new Reject('never');
      return event.data;
    }`;
    await functions.deploy(
      pilot,
      'tried',
      failing,
      settings('tried', ['retry: { attempts: 4, min: 20ms, max: 100ms }', 'scale: { min: 1 }']),
    );
    const tried = { ...run, function: 'tried', subject: 'tried', output: 'tried-done', keys: 6, count: 40 };
    const load = await publishOrdered(pilot, tried);
    try {
      await load.finished(tried.keys * 36, 60_000);
      expect(wrongOrder(load, tried, (number) => number % 10 === 7)).toEqual([]);
      const letters = await pilot.cli(['dlq', 'list', 'tried', '-o', 'json']);
      expect(JSON.parse(letters.stdout).items).toHaveLength(tried.keys * 4);
    } finally {
      await load.close();
    }
  }, 120_000);

  it('has the order that its trigger was made with', async () => {
    const folder = functions.write(
      'line',
      `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle: (event) => event.data });\n`,
      ['on: [{ subject: "line.*" }]'],
    );
    expect(await pilot.cli(['deploy', folder, '--skip-types'])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('fixed since version'),
    });
  }, 30_000);
});
