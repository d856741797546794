/** Several pilots in one home, and what none of them may leave behind or give away. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectEvents, connectPilot } from '#client';
import { eventually } from '../harness/eventually.ts';
import { deployFolder } from '../harness/functions.ts';
import { isRunning, processesOfNode } from '../harness/node-processes.ts';
import { echoPath } from '../harness/numbered.ts';
import { processesOf, runCli, TestPilot } from '../harness/pilot.ts';

const cliScript = join(import.meta.dirname, '../../dist/cli.mjs');

let home = '';
let one: TestPilot;
let two: TestPilot;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'pilotfish-pilots-'));
  [one, two] = await Promise.all([TestPilot.start({ home, nodes: 2 }), TestPilot.start({ home, nodes: 1 })]);
  await deployFolder(one, echoPath);
}, 60_000);

afterAll(async () => {
  await one?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

it('two pilots have own ports and directories, and commands choose by --pilot', async () => {
  expect(one.connection.gateway.address).not.toBe(two.connection.gateway.address);
  expect(one.connection.brokers).not.toEqual(two.connection.brokers);
  const env = { PILOTFISH_HOME: home };
  expect(await runCli(['invoke', 'echo', '-d', 'x', '--pilot', one.id], env)).toMatchObject({ code: 0, stdout: 'x' });
  expect(await runCli(['invoke', 'echo', '-d', 'x', '--pilot', two.id], env)).toMatchObject({ code: 4, stdout: '' });
  const undecided = await runCli(['list'], env);
  expect(undecided.code).not.toBe(0);
  expect(undecided.stderr).toContain(one.id);
  expect(undecided.stderr).toContain(two.id);
});

it("one pilot's certificate does not open the other's gateway", async () => {
  const { address, serverName } = two.connection.gateway;
  // With the stranger's authority nothing is trusted; with the right one our certificate is still refused.
  for (const ca of [one.connection.tls.ca, two.connection.tls.ca]) {
    using stranger = connectPilot({
      ...one.connection,
      gateway: { address, others: [], serverName },
      tls: { ...one.connection.tls, ca },
    });
    await expect(stranger.nodes()).rejects.toMatchObject({ name: 'PlatformError' });
  }
  expect(await two.client.nodes()).toHaveLength(1);
});

it("one pilot's keys do not open the other's broker", async () => {
  for (const role of ['source', 'viewer'] as const) {
    await expect(connectEvents({ ...one.connection, brokers: two.connection.brokers }, role)).rejects.toThrow();
  }
});

it('files are 0600 in 0700', () => {
  const runs = [one, two].flatMap((pilot) => nodesOf(pilot).map((node) => pilot.node(node).runDirectory));
  const paths = [one.directory, two.directory, ...runs].flatMap(pathsBelow);
  expect(paths.length).toBeGreaterThan(40);
  const open = paths.filter((path) => !lstatSync(path).isSymbolicLink() && (lstatSync(path).mode & 0o077) !== 0);
  expect(open).toEqual([]);
  expect(lstatSync(one.directory).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(one.directory, 'connection.json')).mode & 0o777).toBe(0o600);
});

it('nothing secret is in the arguments, environment or logs of any process', async () => {
  await one.client.invoke('echo', Buffer.from('so that there is an instance'));
  const secrets = secretsOf(one);
  // Seeds of four roles, and a private key for each of gateway, two agents, owner and broker or authority.
  expect(secrets.length).toBeGreaterThanOrEqual(8);
  const pids = nodesOf(one).flatMap((node) => processesOfNode(one, node));
  // Two launchers, two agents, two spawners, gateway, nats-server and an instance at least.
  expect(pids.length).toBeGreaterThanOrEqual(9);
  const texts = pids.flatMap((pid) =>
    ['cmdline', 'environ'].map((name) => ({ where: `${pid}/${name}`, text: readProc(pid, name) })),
  );
  // Nor would one that crashes leave its memory in a file.
  const limits = pids.map((pid) => /^Max core file size +(\S+) +(\S+)/m.exec(readProc(pid, 'limits'))?.slice(1));
  expect(limits).toEqual(pids.map(() => ['0', '0']));
  const logs = pathsBelow(one.directory).filter((path) => path.endsWith('.log'));
  expect(logs.length).toBeGreaterThanOrEqual(6);
  texts.push(...logs.map((path) => ({ where: path, text: readFileSync(path, 'utf8') })));
  expect(texts.filter(({ text }) => secrets.some((secret) => text.includes(secret))).map(({ where }) => where)).toEqual(
    [],
  );
});

it('`down` leaves nothing of a pilot whose `up` was killed with kill -9, and does not touch the others', async () => {
  const args = [cliScript, 'up', '--nodes', '2', '--cores-per-node', '1'];
  const before = new Set(readdirSync(join(home, 'pilots')));
  const up = spawn(process.execPath, args, { env: { ...process.env, PILOTFISH_HOME: home }, stdio: 'ignore' });
  const directory = await eventually(
    () => {
      const id = readdirSync(join(home, 'pilots')).find((name) => !before.has(name));
      const files = ['brokers/n1.json', 'nodes/n1/launcher.json', 'nodes/n2/launcher.json'];
      return id && files.every((file) => existsSync(join(home, 'pilots', id, file)))
        ? join(home, 'pilots', id)
        : undefined;
    },
    { timeoutMs: 20_000, what: 'a third pilot with a broker and two launchers' },
  );
  const exited = once(up, 'exit');
  up.kill('SIGKILL');
  await exited;
  const records = readdirSync(join(directory, 'nodes')).map(
    (node) =>
      JSON.parse(readFileSync(join(directory, 'nodes', node, 'launcher.json'), 'utf8')) as { runDirectory: string },
  );
  const pids = processesOf(directory);
  expect(pids.length).toBeGreaterThan(0);
  const id = directory.slice(directory.lastIndexOf('/') + 1);
  expect(await runCli(['down', id], { PILOTFISH_HOME: home })).toMatchObject({ code: 0 });
  await eventually(() => pids.every((pid) => !isRunning(pid)) && processesOf(directory).length === 0, {
    timeoutMs: 5_000,
    what: 'its processes are gone',
  });
  expect([directory, ...records.map(({ runDirectory }) => runDirectory)].filter((path) => existsSync(path))).toEqual(
    [],
  );
  expect(await one.client.nodes()).toHaveLength(2);
  expect(await two.client.nodes()).toHaveLength(1);
}, 60_000);

it('`down` ends a spawner that somebody has stopped: it hears nothing of the end of its agent', async () => {
  const pilot = await TestPilot.start({ home });
  const spawner = processesOf(pilot.directory).find((pid) => readProc(pid, 'cmdline').includes('spawner.mjs')) ?? 0;
  expect(spawner).toBeGreaterThan(0);
  process.kill(spawner, 'SIGSTOP');
  await pilot[Symbol.asyncDispose]();
  await eventually(() => !isRunning(spawner), { timeoutMs: 5_000, what: 'the end of the spawner' });
}, 60_000);

function nodesOf(pilot: TestPilot): string[] {
  return readdirSync(join(pilot.directory, 'nodes'));
}

function pathsBelow(path: string): string[] {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  return stat.isDirectory() ? [path, ...readdirSync(path).flatMap((name) => pathsBelow(join(path, name)))] : [path];
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // It ended while we looked.
    return '';
  }
}

/** Seeds, and one line from the middle of each private key: what must never be seen. */
function secretsOf(pilot: TestPilot): string[] {
  const texts = pathsBelow(join(pilot.directory, 'keys'))
    .filter((path) => /\.(seed|key)$/.test(path))
    .map((path) => readFileSync(path, 'utf8').trim());
  const secrets = texts.map((text) => (text.startsWith('-----') ? (text.split('\n')[1] ?? '') : text));
  return [...secrets, ...Object.values(pilot.connection.seeds)].filter((secret) => secret.length > 20);
}
