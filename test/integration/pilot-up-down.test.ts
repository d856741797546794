/** `up` leaves a pilot or nothing; `down` leaves nothing, whatever was killed before it, and whenever. */
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { endPilot, isAlive, listPilots, readConnection, resolvePilot } from '#pilot';
import { eventually } from '../harness/eventually.ts';
import { recordsOf, TestHome } from '../harness/stand-in-pilot.ts';

describe('startPilot()', () => {
  test('two pilots in one home have their own ports, directories and keys', async () => {
    await using home = new TestHome();
    const [first, second] = await Promise.all([home.up(2), home.up(1)]);
    const pilots = listPilots(home.path);
    expect(pilots.map(({ state, nodesAlive }) => `${state} ${nodesAlive}`).sort()).toEqual(['running 1', 'running 2']);
    const [one, two] = [first, second].map(({ id }) => readConnection(resolvePilot(home.path, id)));
    expect(one?.brokers).not.toEqual(two?.brokers);
    expect(one?.gateway.address).not.toBe(two?.gateway.address);
    expect(one?.tls.ca).not.toBe(two?.tls.ca);
    expect(one?.seeds).not.toEqual(two?.seeds);
    expect(() => resolvePilot(home.path, undefined)).toThrow(`there are 2 pilots`);
    await endPilot(first.directory);
    expect(resolvePilot(home.path, undefined)).toMatchObject({ pilot: second.id, state: 'running' });
  });

  test('everything is 0600 in 0700, and nothing secret is in an argument or a log', async () => {
    await using home = new TestHome();
    const pilot = await home.up(2);
    const runDirectories = recordsOf(pilot.directory).map(({ runDirectory }) => runDirectory);
    const open = [home.path, ...runDirectories]
      .flatMap((path) => pathsBelow(path))
      .filter((path) => (lstatSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
    const keys = join(pilot.directory, 'keys');
    const secrets = readdirSync(keys)
      .filter((name) => /\.(seed|key)$/.test(name))
      .map((name) => secretOf(readFileSync(join(keys, name), 'utf8')));
    expect(secrets).toHaveLength(5 + 5);
    const seen = [
      ...recordsOf(pilot.directory)
        .flatMap(({ launcher, children }) => [launcher, ...children])
        .map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
      ...pathsBelow(pilot.directory)
        .filter((path) => path.endsWith('.log'))
        .map((path) => readFileSync(path, 'utf8')),
    ];
    expect(seen.length).toBeGreaterThan(8);
    expect(seen.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
  });

  test('a connection file that others can read is refused', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    chmodSync(join(pilot.directory, 'connection.json'), 0o640);
    expect(() => readConnection(resolvePilot(home.path, pilot.id))).toThrow('others can read');
  });

  test('a gateway that cannot start is reported with the end of its log, and nothing is left', async () => {
    await using home = new TestHome();
    const up = home.startUp(2, { STAND_IN_BROKEN: 'gateway' });
    // One may have ended before the other has begun.
    const records = await eventually(() => (home.records().length > 0 ? home.records() : undefined), {
      timeoutMs: 30_000,
      what: 'a launcher',
    });
    home.remember();
    const { code, stderr } = await up.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('gateway ended 3 times before it was ready (last: exit code 3)');
    expect(stderr).toContain('the reef is closed');
    home.proveNothingLeft(records);
  });

  test('Ctrl-C takes everything back and ends with 130', async () => {
    await using home = new TestHome();
    const up = home.startUp(2);
    const records = await eventually(() => (home.records().length === 2 ? home.records() : undefined), {
      timeoutMs: 10_000,
      what: 'both launchers',
    });
    home.remember();
    up.child.kill('SIGINT');
    expect((await up.ended).code).toBe(130);
    home.proveNothingLeft(records);
  });
});

describe('endPilot()', () => {
  test('leaves nothing, and does so again when called twice', async () => {
    await using home = new TestHome();
    const pilot = await home.up(2);
    const records = home.records();
    await endPilot(pilot.directory);
    home.proveNothingLeft(records);
    await endPilot(pilot.directory);
  });

  test('two at the same time are fine', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const records = home.records();
    await Promise.all([endPilot(pilot.directory), endPilot(pilot.directory)]);
    home.proveNothingLeft(records);
  });

  test('ends a pilot whose launchers were killed', async () => {
    await using home = new TestHome();
    const pilot = await home.up(2);
    const records = home.records();
    for (const { launcher } of records) process.kill(launcher.pid, 'SIGKILL');
    await eventually(() => listPilots(home.path)[0]?.state === 'stopped', { timeoutMs: 5_000, what: 'state stopped' });
    await endPilot(pilot.directory);
    home.proveNothingLeft(records);
  });

  test('ends a pilot with a launcher that hangs', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const records = home.records();
    for (const { launcher } of records) process.kill(launcher.pid, 'SIGSTOP');
    await endPilot(pilot.directory, { graceMs: 200 });
    home.proveNothingLeft(records);
  });

  // What `up` had done at its death: nothing, the directory, a launcher's start, its record, the broker, all.
  const moments: [string, (home: TestHome) => boolean][] = [
    ['before it did anything', () => true],
    ['when the directory is there', (home) => listPilots(home.path).length > 0],
    [
      'when a node is written',
      (home) => listPilots(home.path).some(({ directory }) => existsSync(join(directory, 'nodes', 'n2', 'node.json'))),
    ],
    ['when a launcher has its record', (home) => home.records().length > 0],
    [
      'when the broker listens',
      (home) => listPilots(home.path).some(({ directory }) => existsSync(join(directory, 'brokers/n1.json'))),
    ],
    [
      'when the gateway is ready',
      (home) => listPilots(home.path).some(({ directory }) => existsSync(join(directory, 'connection.json'))),
    ],
  ];
  test.each(moments)('after `up` was killed with kill -9 %s', async (_when, reached) => {
    await using home = new TestHome();
    const up = home.startUp(2);
    await eventually(() => reached(home), { timeoutMs: 20_000, what: 'the moment' });
    up.child.kill('SIGKILL');
    await up.ended;
    home.remember();
    const records = home.records();
    for (const { directory } of listPilots(home.path)) await endPilot(directory);
    home.proveNothingLeft(records);
  });

  test('a pilot outlives the `up` that was killed once it had signed the certificates', async () => {
    await using home = new TestHome();
    const up = home.startUp(1);
    // From here on `up` has nothing more to write: launchers can do the rest without it.
    const signed = () =>
      listPilots(home.path).some(({ directory }) => existsSync(join(directory, 'keys', 'owner.pem')));
    await eventually(signed, { timeoutMs: 10_000, what: "the owner's certificate" });
    up.child.kill('SIGKILL');
    await up.ended;
    await eventually(() => listPilots(home.path)[0]?.state === 'running', { timeoutMs: 10_000, what: 'state running' });
    expect(home.records().every(({ launcher }) => isAlive(launcher))).toBe(true);
  });
});

function pathsBelow(path: string): string[] {
  if (lstatSync(path).isSymbolicLink()) return [];
  return [
    path,
    ...(lstatSync(path).isDirectory() ? readdirSync(path).flatMap((name) => pathsBelow(join(path, name))) : []),
  ];
}

/** The line that nobody else may see: a seed, or the first line of a key's body. */
function secretOf(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .find((line) => !line.startsWith('-----')) ?? ''
  );
}
