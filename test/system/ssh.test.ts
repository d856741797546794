/** Pilots that are reached by ssh, with a real sshd on nodes of their own: named hosts, a login node, and the way from a laptop. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { clusterMissing, type RunOptions, TestCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;
vi.setConfig({ testTimeout: 180_000 });

describe.skipIf(clusterMissing !== '')(`ssh (${clusterMissing || 'real'})`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ kind: 'slurm', nodes: 3 });
    await cluster.sshd('ctl', 'n1', 'n2');
  }, upMs);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await cluster?.wire('heal');
    await cluster?.cli(['down', '--all']);
  }, 180_000);

  const cli = async (args: readonly string[], options: RunOptions = {}) => {
    const result = await cluster.cli(args, options);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return result;
  };

  const tunnels = () => readdirSync(tmpdir()).filter((name) => name.startsWith('pilotfish-via-'));
  // What a killed command of somebody else left is none of ours.
  const tunnelsBefore = tunnels();

  /** Processes, jobs, files of pilots, sockets of tunnels. */
  const nothingIsLeft = () =>
    eventually(
      async () => {
        const left = [
          ...cluster.userProcesses(),
          ...(await cluster.asRoot(['squeue', '--noheader'])).stdout.split('\n').filter(Boolean),
          ...readdirSync(join(cluster.home, 'pilots')),
          ...tunnels().filter((name) => !tunnelsBefore.includes(name)),
        ];
        if (left.length > 0) throw new Error(left.join(', '));
        return true;
      },
      { timeoutMs: 30_000, what: 'nothing is left' },
    );

  test('ssh://n1,n2 starts a pilot on named hosts, extends it to the other one, gives that back, and leaves nothing', async () => {
    const network = `${cluster.loginAddress.replace(/\d+$/, '0')}/24`;
    await cli([
      ...['up', '--resource', 'ssh://n1,n2:22', '--cores-per-node', '2', '--walltime', '1h', '--interface', network],
    ]);
    expect((await cli(['pilot', 'extend', '--nodes', '1'])).stdout).toBe('n2\n');
    const { items } = JSON.parse((await cli(['node', 'list', '-o', 'json'])).stdout) as {
      items: { address: string }[];
    };
    expect(new Set(items.map(({ address }) => address)).size, 'two hosts').toBe(2);
    expect(await cluster.cli(['pilot', 'extend', '--nodes', '1'])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('1 node wanted; free hosts: 0 of 2'),
    });
    await cli(['deploy', join(cluster.directory, 'pilotfish/functions/echo')]);
    expect((await cli(['invoke', 'echo', '-d', 'hi'])).stdout).toBe('hi');
    expect((await cli(['pilot', 'shrink', '--nodes', '1'])).stdout).toBe('n2\n');
    await cli(['down']);
    await nothingIsLeft();
  });

  test('slurm+ssh://ctl submits on the login node; from a laptop that sees nothing else, --via reaches the pilot, also after its ssh was killed', async () => {
    const pilot = (
      await cli(['up', '--resource', 'slurm+ssh://ctl', '--nodes', '2', '--cores-per-node', '2'])
    ).stdout.trim();
    // The laptop: no file of the pilot, and no way to its nodes.
    for (const node of ['n1', 'n2', 'n3']) await cluster.wire('cut', 'login', node);
    const laptop = join(cluster.directory, 'home', cluster.user, 'laptop');
    const env = { PILOTFISH_HOME: laptop, PILOTFISH_VIA: `ssh://ctl${cluster.home}` };
    const far = (...args: string[]) => cli(args, { env });

    await far('deploy', join(cluster.directory, 'pilotfish/functions/echo'));
    expect((await far('invoke', 'echo', '-d', 'hi')).stdout).toBe('hi');
    expect((await far('logs', 'echo', '--pilot', pilot)).code).toBe(0);
    const tail = far('tail', 'echoed.*', '--from', 'all', '--count', '400', '-o', 'name');
    const published = far('pub', 'numbers.{n}', '-d', '{n}', '--count', '400', '--rate', '25/s');
    for (const handled of ['20', '200']) {
      // So far both have come, through connections that then break in the middle.
      await far('tail', 'echoed.*', '--from', 'all', '--count', handled);
      await eventually(() => killSsh(cluster), {
        timeoutMs: 30_000,
        what: `each ssh is killed after ${handled} events`,
      });
    }
    await published;
    const subjects = (await tail).stdout.trim().split('\n');
    expect({ all: subjects.length, distinct: new Set(subjects).size }).toEqual({ all: 400, distinct: 400 });

    const connection = join(cluster.home, 'pilots', pilot, 'connection.json');
    writeFileSync(connection, readFileSync(connection, 'utf8').replace(/"version": "[^"]+"/, '"version": "0.0.9"'));
    expect((await far('list')).stderr).toContain(`pilot ${pilot} was brought up by 0.0.9`);
    for (const [args, code, says] of [
      [['down'], 2, /Run it there: ssh ctl pilotfish down/],
      [['list', '--pilot', 'p-zzzz'], 4, /there is no pilot "p-zzzz" that is ready in ctl:/],
      [['list', '--via', 'ssh://n3'], 8, /n3 cannot be reached by ssh: .*(?:resolve|verification)/s],
      [['list', '--via', 'login'], 2, /Write it like ssh:\/\/login/],
    ] as const)
      expect(await cluster.cli(args, { env })).toMatchObject({ code, stderr: expect.stringMatching(says) });

    const { stdout } = await cluster.asRoot(['squeue', '--noheader', '--format=%i']);
    await cluster.asUser(['scancel', stdout.trim()]);
    await eventually(async () => /"stopped"/.test((await cli(['pilot', 'list', '-o', 'json'])).stdout), {
      timeoutMs: 60_000,
      what: 'the pilot has ended',
    });
    const ended = new RegExp(`pilot ${pilot} ended at 20[-\\d:.T]+Z: its job ${stdout.trim()} is cancelled`);
    for (const args of [['list'], ['tail', 'echoed.*', '--count', '1']])
      expect(await cluster.cli(args, { env }), args.join(' ')).toMatchObject({
        code: 8,
        stdout: '',
        stderr: expect.stringMatching(ended),
      });
    await cluster.wire('heal');
    await cli(['down']);
    await nothingIsLeft();
  });
});

/** Kills what carries the connections of both commands; true once each has one. */
function killSsh(cluster: TestCluster): boolean {
  const found = cluster.userProcesses().filter((line) => /^\d+ ssh .*pilotfish-via-/.test(line));
  if (found.filter((line) => line.includes(' -W ')).length < 2) return false;
  for (const line of found) {
    try {
      process.kill(Number(line.split(' ')[0]), 'SIGKILL');
    } catch {
      // A channel ends with what carries it.
    }
  }
  return true;
}
