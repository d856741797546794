/** The Invoke paragraph through the CLI. What `deploy`, `list` and the like print is in test/contract/cli-pilot.test.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { invokePayloadBytesMax } from '#rpc';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const said = (text: string) =>
  `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle: (event) => '${text} ' + event.text() });\n`;

async function deploy(name: string, source: string): Promise<string> {
  const { code, stdout, stderr } = await pilot.cli(['deploy', functions.write(name, source)]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

it('the result is all of stdout; duration, instance, cold and then warm are on stderr', async () => {
  await deploy('greet', said('hello'));
  const cold = await pilot.cli(['invoke', 'greet', '-d', 'world']);
  expect(cold).toMatchObject({ code: 0, stdout: 'hello world' });
  const [, instance] =
    /^\d[\d.]* ?(?:ms|s), version 1, instance (n[12]-\S+), node n[12], cold\n$/.exec(cold.stderr) ?? [];
  expect(instance, cold.stderr).toBeDefined();
  const warm = await pilot.cli(['invoke', 'greet', '-d', 'again']);
  expect(warm).toMatchObject({ code: 0, stdout: 'hello again' });
  expect(warm.stderr).toMatch(new RegExp(`, instance ${instance}, node n[12], warm\\n$`));
});

it('an unknown function ends with 4 and the name that was probably meant', async () => {
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'great', '-d', 'x']);
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toMatch(/"great"[\s\S]*"greet"/);
});

it("a throwing function's error comes with the author's file and line, and exit code 1", async () => {
  await deploy(
    'faulty',
    `import { defineFunction } from 'pilotfish/sdk';
function divide(by: number): number {
  if (by === 0) throw new RangeError('division by zero');
  return 1 / by;
}
export default defineFunction({ handle: (event) => divide(Number(event.text())) });
`,
  );
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'faulty', '-d', '0']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('division by zero');
  expect(stderr).toMatch(/faulty\.ts:3:\d+/);
  expect(stderr).toMatch(/faulty\.ts:6:\d+/);
  expect(stderr).not.toMatch(/instance\.cjs|pilotfish-function/);
  expect(await pilot.cli(['invoke', 'faulty', '-d', '4'])).toMatchObject({ code: 0, stdout: '0.25' });
});

it("stacks in a function's log are of its source, too, whoever wrote them", async () => {
  await deploy(
    'tells',
    `import { defineFunction } from 'pilotfish/sdk';
const made = (text: string) => new Error(text);
export default defineFunction({
  handle(event, ctx) {
    console.error(made('by console'));
    ctx.log.warn(String(made('by ctx.log').stack));
    setTimeout(() => { throw made('by nobody'); }, 1);
    return new Promise(() => undefined);
  },
});
`,
  );
  expect(await pilot.cli(['invoke', 'tells', '-d', 'x'])).toMatchObject({ code: 1 });
  const told = async () => (await Array.fromAsync(pilot.client.logs('tells'))).map(({ message }) => message).join('\n');
  await eventually(async () => /by nobody/.test(await told()), { timeoutMs: 10_000, what: 'the last of them' });
  const log = await told();
  for (const text of ['by console', 'by ctx.log', 'an uncaught exception: Error: by nobody'])
    expect(log).toMatch(new RegExp(`${text}\\n +at \\S+ \\(tells\\.ts:2:`));
  expect(log).not.toMatch(/instance\.cjs|pilotfish-function/);
});

it('a payload over the limit is refused with its size and the limit', async () => {
  const file = join(functions.path, 'large.bin');
  writeFileSync(file, Buffer.alloc(invokePayloadBytesMax + 1));
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'greet', '-f', file]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toContain(String(invokePayloadBytesMax + 1));
  expect(stderr).toMatch(/limit is \d+(\.\d+)? [KM]i?B/);
});

it('a function that exits during the call is named with its exit code; the next call finds another instance', async () => {
  await deploy(
    'quits',
    `import { defineFunction } from 'pilotfish/sdk';
export default defineFunction({ handle: (event) => (event.text() === 'quit' ? process.exit(7) : 'alive') });
`,
  );
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'quits', '-d', 'quit']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/the instance of quits ended during the call: it exited with code 7/);
  expect(await pilot.cli(['invoke', 'quits', '-d', 'x'])).toMatchObject({ code: 0, stdout: 'alive' });
});

it('two versions: `latest` moves, a number calls that very version, an unknown one ends with 4', async () => {
  await deploy('twice', said('one'));
  expect(await pilot.cli(['invoke', 'twice', '-d', 'x'])).toMatchObject({ stdout: 'one x' });
  expect(await deploy('twice', said('two'))).toContain('updated\t2');
  expect(await pilot.cli(['invoke', 'twice', '-d', 'x'])).toMatchObject({ code: 0, stdout: 'two x' });
  // The old version's instance makes room by and by; the version stays callable.
  const [first] = (await pilot.client.get('twice')).versions;
  await expect
    .poll(async () => (await pilot.client.get('twice')).instances.map(({ digest }) => digest), { timeout: 5_000 })
    .not.toContain(first?.digest);
  const older = await pilot.cli(['invoke', 'twice', '-d', 'x', '--function-version', '1']);
  expect(older).toMatchObject({ code: 0, stdout: 'one x', stderr: expect.stringContaining('version 1') });
  expect(await pilot.cli(['invoke', 'twice', '-d', 'x', '--function-version', 'latest'])).toMatchObject({
    stdout: 'two x',
  });
  const none = await pilot.cli(['invoke', 'twice', '-d', 'x', '--function-version', '9']);
  expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('has no version "9"') });
});

it('a function can be called in the moment of its deployment', async () => {
  for (const name of ['now1', 'now2', 'now3']) {
    await functions.deploy(pilot, name, '(event) => event.data');
    expect((await pilot.client.invoke(name, Buffer.from(name))).payload.toString()).toBe(name);
  }
});

it('a removed function is gone with its instances, and can be deployed anew', async () => {
  await deploy('comes', said('first'));
  expect(await pilot.cli(['invoke', 'comes', '-d', 'x'])).toMatchObject({ stdout: 'first x' });
  expect(await pilot.cli(['rm', 'comes'])).toMatchObject({ code: 0 });
  expect(await pilot.cli(['invoke', 'comes', '-d', 'x'])).toMatchObject({ code: 4, stdout: '' });
  await expect
    .poll(async () => (await pilot.client.nodes()).flatMap((node) => node.instances.map((one) => one.function)), {
      timeout: 5_000,
    })
    .not.toContain('comes');
  expect(await deploy('comes', said('second'))).toContain('created\t1');
  expect(await pilot.cli(['invoke', 'comes', '-d', 'x'])).toMatchObject({ code: 0, stdout: 'second x' });
});
