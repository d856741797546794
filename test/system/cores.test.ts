/** Instances on a node that has a core for each of them: bound to one of their own, spares once they work. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

const cores = availableParallelism();
const functions = new FunctionFolder();
let pilot: TestPilot;

/** Processors that all threads of the process may run on. */
function coresOf(pid: number): string | undefined {
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
}

async function readyPids(name: string): Promise<number[]> {
  const { instances } = await pilot.client.get(name);
  return instances.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
}

describe.skipIf(cores < 2)('a node with a core a slot (skipped on a machine with one core)', () => {
  beforeAll(async () => {
    pilot = await TestPilot.start({ coresPerNode: 2 });
  }, 60_000);

  afterAll(async () => {
    functions[Symbol.dispose]();
    await pilot?.[Symbol.asyncDispose]();
  }, 60_000);

  it('binds each instance to one of its own, and a spare when it begins to work', async () => {
    expect(await pilot.cli(['node', 'list', '-o', 'json'])).toMatchObject({
      stdout: expect.toSatisfy((text: string) => !JSON.parse(text).items[0].isolation.notEnforced.includes('cpu')),
    });
    await functions.deploy(pilot, 'steady', '(event) => event.data', ['scale: { min: 1, max: 1 }']);
    await functions.deploy(pilot, 'quick', '(event) => event.data', ['latency: true']);
    const spare = async () => (await pilot.client.get('quick')).instances.find(({ state }) => state === 'spare');
    const { pid: sparePid } = await eventually(spare, { timeoutMs: 15_000, what: 'a spare' });
    expect(coresOf(sparePid)).toMatch(/[,-]/);
    await pilot.client.invoke('quick', Buffer.from('x'));
    const works = async () => (await readyPids('quick')).includes(sparePid);
    await eventually(works, { timeoutMs: 10_000, what: 'the spare at work' });
    const [steady = 0] = await eventually(() => readyPids('steady'), { timeoutMs: 10_000, what: 'an instance' });
    await eventually(() => new Set([coresOf(steady), coresOf(sparePid)]).size === 2, {
      timeoutMs: 10_000,
      what: 'cores of their own',
    });
    expect([coresOf(steady), coresOf(sparePid)].join(' ')).toMatch(/^\d+ \d+$/);
  }, 60_000);
});
