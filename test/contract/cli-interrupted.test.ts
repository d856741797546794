/** Ctrl-C in the middle of what takes long: the command ends at once with 130, and says what it leaves; it says nothing false. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataExchangeFixture } from '../fixtures/data-exchange.ts';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { cliScript, TestPilot } from '../harness/pilot.ts';

/** Longer than any command needs to end, shorter than what would have been waited for. */
const soonMs = 10_000;
const seenMs = 30_000;

let pilot: TestPilot;
const functions = new FunctionFolder();
beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2 });
}, 60_000);
afterAll(async () => {
  await pilot[Symbol.asyncDispose]();
  functions[Symbol.dispose]();
});

class Running {
  readonly child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #stdout = '';
  #stderr = '';

  /** In a group of its own, as a shell starts it: a terminal sends Ctrl-C to all of the group. */
  constructor(...args: readonly string[]) {
    const env = { ...process.env, PILOTFISH_HOME: pilot.home, PILOTFISH_PILOT: pilot.id };
    this.child = spawn(process.execPath, [cliScript, ...args], { env, detached: true });
    this.child.stdout?.on('data', (text) => {
      this.#stdout += text;
    });
    this.child.stderr?.on('data', (text) => {
      this.#stderr += text;
    });
    this.#ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async interrupt() {
    process.kill(-this.pid, 'SIGINT');
    return await this.ended();
  }

  /** What it said, once it has ended soon. */
  async ended() {
    const asked = performance.now();
    const code = await this.#ended;
    expect(performance.now() - asked).toBeLessThan(soonMs);
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }
}

const isStored = async (subject: string) => {
  await using viewer = await pilot.events('viewer');
  for await (const _ of await viewer.read(subject, { from: 'all' })) return;
};

test('`pub` says how many of the events are stored', async () => {
  const pub = new Running('pub', 'counted.{n}', '-d', 'x', '--count', '50000', '--rate', '100/s');
  await isStored('counted.*');
  expect(await pub.interrupt()).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringMatching(/^interrupted: \d+ of 50,000 events stored\n$/),
  });
});

test('`replay` says how many of the frames are stored', async () => {
  const file = join(functions.path, 'scan.h5');
  writeFileSync(file, dataExchangeFixture('plain'));
  const replay = new Running('replay', file, '--rate', '0.1/s');
  await isStored('scan.scan.frame');
  expect(await replay.interrupt()).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringMatching(/^interrupted: \d of \d+ frames stored\n$/),
  });
});

test('`node drain` goes on by itself, and is not waited for', async () => {
  await functions.deploy(pilot, 'long', '() => new Promise(() => setInterval(() => undefined, 1_000))');
  const stop = new AbortController();
  const call = pilot.client.invoke('long', Buffer.alloc(0), { signal: stop.signal }).catch(() => undefined);
  const node = await eventually(
    async () => (await pilot.client.get('long')).instances.find(({ busy }) => busy > 0)?.node,
    { timeoutMs: seenMs, what: 'a call that holds a node' },
  );
  const drain = new Running('node', 'drain', node, '--grace', '5m');
  const stateOf = async (id: string) => (await pilot.client.nodes()).find((each) => each.id === id)?.state;
  await eventually(async () => (await stateOf(node)) === 'draining', { timeoutMs: seenMs, what: 'the node drains' });
  expect(await drain.interrupt()).toMatchObject({
    code: 130,
    stdout: '',
    stderr: `not waited for: ${node} goes on draining, and takes nothing more\n`,
  });
  stop.abort();
  await call;
});

const childrenOf = (pid: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((child) => {
      try {
        const [, state = '', parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${child}/stat`, 'latin1')) ?? [];
        return (
          Number(parent) === pid && state !== 'Z' && /esbuild/.test(readFileSync(`/proc/${child}/cmdline`, 'latin1'))
        );
      } catch {
        // It ended while we looked.
        return false;
      }
    });

test('`deploy` takes the end of its compiler, which the same Ctrl-C ended, for no error of its own', async () => {
  const folder = functions.write('many', `export default { handle: () => '' };\n`);
  const interrupted = async () => {
    const deploy = new Running('deploy', folder, '--skip-types');
    await eventually(() => childrenOf(deploy.pid).length > 0, { timeoutMs: seenMs, what: 'the compiler runs' });
    // The compiler's end comes first, as it may on a busy machine.
    process.kill(deploy.pid, 'SIGSTOP');
    process.kill(-deploy.pid, 'SIGINT');
    await eventually(() => childrenOf(deploy.pid).length === 0, { timeoutMs: seenMs, what: 'the compiler has ended' });
    process.kill(deploy.pid, 'SIGCONT');
    const ended = await deploy.ended();
    // Seen late, the compiler had done its work and the command was about to send it: that is another way to end, and another try.
    return ended.stderr.startsWith('interrupted after 0 of 1 function;') ? undefined : ended;
  };
  const ended = await eventually(interrupted, { timeoutMs: seenMs, what: 'an end while it compiles' });
  expect(ended).toMatchObject({ code: 130, stdout: '', stderr: '' });
});

/** Whether the process has a connection to this port of the gateway. */
const isConnected = (pid: number, port: number) => {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const established = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote = '', state]) => remote.endsWith(`:${hex}`) && state === '01')
    .map(([, , , , , , , , , inode]) => `socket:[${inode}]`);
  const own = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return own.some((target) => established.includes(target));
};

test('a gateway that does not answer any more holds nobody, and what it did not say is not made up', async () => {
  await deployFolder(pilot, functions.write('still', `export default { handle: () => '' };\n`));
  const port = Number(pilot.connection.gateway.address.split(':').at(-1));
  const gateway = pilot.pid('n1', 'gateway');
  process.kill(gateway, 'SIGSTOP');
  try {
    for (const words of [
      ['list'],
      ['calls', 'list', 'still'],
      ['dlq', 'list', 'still'],
      ['logs', 'still'],
      ['rm', 'still'],
      ['deploy', join(functions.path, 'still'), '--skip-types'],
    ]) {
      const command = new Running(...words);
      await eventually(() => isConnected(command.pid, port), { timeoutMs: seenMs, what: `${words} has asked` });
      const stderr = words[0] === 'deploy' ? /^interrupted after 0 of 1 function; pilotfish diff/ : /^$/;
      expect(await command.interrupt(), words.join(' ')).toMatchObject({
        code: 130,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      });
    }
  } finally {
    process.kill(gateway, 'SIGCONT');
  }
  await eventually(() => pilot.client.list(), { timeoutMs: seenMs, what: 'the gateway answers again' });
});
