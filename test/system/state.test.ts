/** ctx.state under redelivery: an event that fails, or loses its instance, after its update changes the key once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
const count = 60;
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 1, coresPerNode: 4 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const settings = (name: string) => [
  `on: [{ subject: "${name}.*" }]`,
  `output: "${name}-done.{1}"`,
  'retry: { attempts: 5, min: 10ms, max: 50ms }',
  'scale: { min: 2, max: 2 }',
];

/** Two updates of one key for each event; every third event fails after them, every tenth ends its instance. */
const counting = `async (event, ctx) => {
  const add = (current) => String(Number(current?.text() ?? '0') + 1);
  await ctx.state.update('sum', add);
  await ctx.state.update('sum', add);
  const number = Number(event.text().split(' ')[1]);
  if (ctx.attempt < 3 && number % 3 === 0) throw new Error('again');
  const died = await ctx.state.get('died-' + number);
  if (number % 10 === 1 && !died) {
    await ctx.state.set('died-' + number, 'once');
    process.kill(process.pid, 'SIGKILL');
  }
  return event.data;
}`;

const python = `import os
import pilotfish

def add(entry):
    return str(int(entry.text() if entry else "0") + 1)

def handle(event, ctx):
    if event.subject == "":
        return ctx.state.get("sum").text()
    ctx.state.update("sum", add)
    ctx.state.update("sum", add)
    number = int(event.text().split()[1])
    if ctx.attempt < 3 and number % 3 == 0:
        raise ValueError("again")
    if number % 10 == 1 and ctx.state.get("died-%d" % number) is None:
        ctx.state.set("died-%d" % number, "once")
        os._exit(3)
    return event.data

pilotfish.run(handle)
`;

async function publishAndWait(name: string): Promise<void> {
  const load = await publishNumbered(pilot, name, count, 200, {
    function: name,
    subject: name,
    output: `${name}-done`,
  });
  try {
    await load.finished(60_000);
    expect(wrongCounts(load, count)).toEqual([]);
  } finally {
    await load.close();
  }
}

describe('an event that comes again changes its key once', () => {
  it('in TypeScript', async () => {
    const handler = `async (event, ctx) => event.subject === '' ? (await ctx.state.get('sum')).text() : (${counting})(event, ctx)`;
    await functions.deploy(pilot, 'sums', handler, settings('sums'));
    await publishAndWait('sums');
    expect((await pilot.cli(['invoke', 'sums'])).stdout).toBe(String(2 * count));
  }, 120_000);

  it('in Python', async () => {
    const folder = join(functions.path, 'pysums');
    mkdirSync(folder);
    writeFileSync(join(folder, 'pysums.py'), python);
    const lines = ['command: [python3, pysums.py]', ...settings('pysums')].map((line) => `    ${line}`);
    writeFileSync(join(folder, 'pilotfish.yaml'), ['functions:', '  pysums:', ...lines, ''].join('\n'));
    expect(await pilot.cli(['deploy', folder])).toMatchObject({ code: 0 });
    await publishAndWait('pysums');
    expect((await pilot.cli(['invoke', 'pysums'])).stdout).toBe(String(2 * count));
  }, 120_000);

  it('by the name that a batch gives it', async () => {
    const folder = functions.write(
      'batched',
      `import { defineFunction } from 'pilotfish/sdk';
export default defineFunction({
  async handleBatch(events, ctx) {
    for (const event of events)
      await ctx.state.update('sum', (current) => String(Number(current?.text() ?? '0') + 1), { once: event.id });
    if (ctx.attempt === 1 && events[0].subject !== '') throw new Error('again');
    return Promise.all(events.map(async () => (await ctx.state.get('sum')).text()));
  },
});
`,
      [...settings('batched'), 'batch: { size: 8, wait: 5ms }'],
    );
    expect(await pilot.cli(['deploy', folder, '--skip-types'])).toMatchObject({ code: 0 });
    await publishAndWait('batched');
    // The call itself is one more.
    expect((await pilot.cli(['invoke', 'batched'])).stdout).toBe(String(count + 1));
  }, 120_000);
});
