/** The commands against a real pilot, as a user types them: what is on stdout, what on stderr, and the exit codes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestPilot } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  // Idle instances keep their slots for a while: one each for the functions below.
  pilot = await TestPilot.start({ coresPerNode: 6 });
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-functions-'));
  writeFileSync(
    join(folder, 'boom.ts'),
    `interface Deep { a: string }\nexport default { handle(_event: object, ctx: { log: { info(text: string): void } }): never {\n  ctx.log.info('about to fail');\n  throw new Error('no such luck');\n} };\n`,
  );
  writeFileSync(
    join(folder, 'wait.ts'),
    'export default { handle: () => new Promise(() => setInterval(() => {}, 1000)) };',
  );
  writeFileSync(
    join(folder, 'bytes.ts'),
    'export default { handle: () => Uint8Array.from({ length: 256 }, (_, at) => at) };',
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot[Symbol.asyncDispose]();
});

/** Runs a command and interrupts it once it has written to stdout or stderr, or after `afterMs`. */
async function interrupt(args: readonly string[], untilText?: string): Promise<number | null> {
  const env = { ...process.env, PILOTFISH_HOME: pilot.home, PILOTFISH_PILOT: pilot.id };
  const child = spawn(process.execPath, [join(root, 'dist/cli.mjs'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  let seen = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString('utf8');
      if (untilText && seen.includes(untilText)) child.kill('SIGINT');
    });
  }
  const [code] = await exited;
  return code;
}

test('`deploy` says what changed, a second time "unchanged"', async () => {
  const first = await pilot.cli(['deploy', join(root, 'functions/echo')]);
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('next: pilotfish invoke echo') });
  expect(first.stdout).toMatch(/^FUNCTION\tCHANGE\tVERSION\tDIGEST\tSIZE\necho\tcreated\t1\t[0-9a-f]{12}\t/);
  expect((await pilot.cli(['deploy', join(root, 'functions/echo')])).stdout).toContain('echo\tunchanged\t1\t');
});

test('a token for what is no subject is refused, and which one it is is said', async () => {
  const words = ['auth', 'token', 'create', '--role', 'publish', '--subjects', 'scan.*.frame', 'a b'];
  expect(await pilot.cli(words)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: the token's subjects: "a b": that is no subject\nFunctions are patterns/),
  });
});

test('`describe` knows a node by its name, and says whose page it is', async () => {
  expect(await pilot.cli(['describe', 'n1'])).toMatchObject({
    code: 4,
    stderr: 'error: there is no function "n1"\nn1 is a node: pilotfish node describe n1\n',
  });
  const page = await pilot.cli(['node', 'describe', 'n1']);
  expect(page).toMatchObject({ code: 0, stderr: '' });
  expect(page.stdout).toMatch(
    /^n1: ready, at [\d.]+, pilotfish [\s\S]*\nRoom\n {2}slots [\s\S]*\nJob\n[\s\S]*\nInstances\n/,
  );
  expect(await pilot.cli(['node', 'describe', 'n7'])).toMatchObject({
    code: 4,
    stderr: 'error: there is no node "n7"\nThe pilot\'s nodes: n1\n',
  });
});

test('`invoke` puts the result alone on stdout, and how it went on stderr', async () => {
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'echo', '-d', 'hi']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'hi' });
  expect(stderr).toMatch(/^[\d.]+ m?s, version 1, instance \S+, node n1, (cold|warm)\n$/);
  expect((await pilot.cli(['invoke', 'echo', '-'], 'from stdin')).stdout).toBe('from stdin');
  expect((await pilot.cli(['invoke', 'echo'])).stdout).toBe('');
});

test('`invoke` keeps every byte of a result', async () => {
  await pilot.cli(['deploy', join(folder, 'bytes.ts')]);
  const env = { ...process.env, PILOTFISH_HOME: pilot.home };
  const child = spawn(process.execPath, [join(root, 'dist/cli.mjs'), 'invoke', 'bytes'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = await child.stdout.toArray();
  expect([...Buffer.concat(chunks)]).toEqual(Array.from({ length: 256 }, (_, at) => at));
});

test('an unknown function ends with 4 and a suggestion', async () => {
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'ecoh', '-d', 'hi']);
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toMatch(/"ecoh"[\s\S]*"echo"/);
});

test('a function that throws ends with 1, its stack is of its source, its log is kept', async () => {
  await pilot.cli(['deploy', join(folder, 'boom.ts')]);
  const { code, stdout, stderr } = await pilot.cli(['invoke', 'boom']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('no such luck');
  expect(stderr).toContain('boom.ts:4:9');
  await expect
    .poll(async () => (await pilot.cli(['logs', 'boom'])).stdout, { timeout: 10_000 })
    .toContain('about to fail');
});

test('`logs -f` goes on with the lines to come; --level leaves out what is less', async () => {
  const signal = AbortSignal.timeout(30_000);
  const errors = pilot.client.logs('boom', { follow: true, level: 'error', signal })[Symbol.asyncIterator]();
  for (let n = 0; n < 2; n++) {
    // The first line was kept, the second comes while we listen; "about to fail" is no error.
    expect((await errors.next()).value).toMatchObject({
      level: 'error',
      message: expect.stringContaining('boom.ts:4:9'),
    });
    if (n === 0) await pilot.cli(['invoke', 'boom']);
  }
  await errors.return?.();
  const { stdout } = await pilot.cli(['logs', 'boom', '--level', 'error']);
  expect(stdout).toContain('no such luck');
  expect(stdout).not.toContain('about to fail');
});

test('`describe` is a page for people and an object for machines', async () => {
  const { code, stdout } = await pilot.cli(['describe', 'boom']);
  expect(code).toBe(0);
  for (const title of ['Triggers', 'Versions', 'Limits', 'Permissions', 'Load', 'Instances', 'Errors of the last hour'])
    expect(stdout).toContain(`\n${title}\n`);
  expect(stdout).toMatch(/Errors of the last hour\n {2}\d+s ago {2}n1\/\S+ +call failed: Error: no such luck/);
  expect(JSON.parse((await pilot.cli(['describe', 'boom', '-o', 'json'])).stdout)).toMatchObject({
    name: 'boom',
    permissions: expect.arrayContaining([expect.objectContaining({ what: 'files', enforcedOn: ['n1'] })]),
    errors: expect.arrayContaining([expect.objectContaining({ node: 'n1' })]),
  });
});

test('a call that takes too long ends with 7', async () => {
  await pilot.cli(['deploy', join(folder, 'wait.ts')]);
  expect(await pilot.cli(['invoke', 'wait', '--timeout', '500ms'])).toMatchObject({ code: 7, stdout: '' });
});

test('Ctrl-C ends with 130', async () => {
  expect(await interrupt(['tail', 'nothing.>'], 'Ctrl-C')).toBe(130);
  expect(await interrupt(['logs', 'boom', '-f'], 'about to fail')).toBe(130);
});

test('`pub` and `tail` speak of the same events', async () => {
  const published = await pilot.cli(['pub', 'numbers.{n}', '-d', 'event {n}', '--count', '20', '-o', 'json']);
  expect(JSON.parse(published.stdout)).toMatchObject({ stored: 20, retried: 0 });
  const { code, stdout } = await pilot.cli(['tail', 'echoed.*', '--from', 'all', '--count', '20', '-o', 'json']);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { subject: string; data: string });
  expect(code).toBe(0);
  expect(new Set(events.map(({ subject, data }) => `${subject} ${data}`))).toEqual(
    new Set(Array.from({ length: 20 }, (_, n) => `echoed.${n} event ${n}`)),
  );
});

test('`list`, `get` and `node list` keep their JSON shapes', async () => {
  const json = async (...args: string[]) => JSON.parse((await pilot.cli([...args, '-o', 'json'])).stdout) as object;
  expect(await json('list')).toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({ name: 'echo', latest: expect.objectContaining({ number: 1 }) }),
    ]),
  });
  expect(await json('get', 'echo')).toMatchObject({
    name: 'echo',
    versions: [{ number: 1 }],
    instances: expect.any(Array),
  });
  expect(await json('node', 'list')).toMatchObject({ items: [{ id: 'n1', state: 'ready', slots: 6 }] });
  expect((await pilot.cli(['list', '-o', 'name'])).stdout.split('\n')).toContain('echo');
});

test('`version` names the pilot, `doctor` finds it reachable', async () => {
  expect((await pilot.cli(['version'])).stdout).toContain(`pilot ${pilot.id}\t`);
  expect(await pilot.cli(['doctor'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${pilot.id}: 1 node ready`),
  });
});

test('`rm` removes a function, a second time ends with 4', async () => {
  expect(await pilot.cli(['rm', 'bytes'])).toMatchObject({ code: 0, stdout: 'bytes\tremoved\n' });
  expect((await pilot.cli(['rm', 'bytes'])).code).toBe(4);
});
