/**
 * A pilot outlives its job: walltimes of two minutes, events that come all the time, and on the way the acting gateway is
 * killed. Every event is handled once; the jobs follow each other; nothing is left.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

interface BlockLine {
  readonly block: string;
  readonly state: string;
}

describe.skipIf(clusterMissing !== '')(`--renew on slurm:// (${clusterMissing || 'real'})`, () => {
  test('the stream runs on over the ends of two jobs, though the gateway is killed in the middle', async () => {
    await using cluster = await TestCluster.start({ kind: 'slurm', nodes: 4 });
    await cluster.sshd('ctl');
    const cli = async (...args: string[]) => {
      const result = await cluster.cli(args, { timeoutMs: 400_000 });
      expect(result, result.stderr).toMatchObject({ code: 0 });
      return result.stdout;
    };
    const blocks = async () => JSON.parse(await cli('pilot', 'info', '-o', 'json')).blocks as BlockLine[];
    const stateOf = async (name: string) => (await blocks()).find(({ block }) => block === name)?.state;
    const until = (name: string, state: RegExp) =>
      eventually(async () => state.test((await stateOf(name)) ?? ''), {
        timeoutMs: 180_000,
        what: `${name} is ${state}`,
      });

    expect(await cluster.cli(['up', '--resource', 'slurm://', '--renew', '--walltime', '2m'])).toMatchObject({
      code: 2,
    });
    await cli(
      'up',
      '--resource',
      'slurm://',
      '--nodes',
      '3',
      '--cores-per-node',
      '4',
      '--walltime',
      '2m',
      '--brokers',
      '3',
      '--renew',
    );
    await cli('deploy', join(cluster.directory, 'pilotfish/functions/echo'));
    const count = 4_000;
    const published = cli('pub', 'numbers.{n}', '-d', '{n}', '--count', String(count), '--rate', '20/s');

    // From a laptop, all the time: the tunnel follows the pilot from block to block.
    const far = cluster.cli(
      [
        'tail',
        'echoed.*',
        '--from',
        'all',
        '--count',
        String(count),
        '-o',
        'name',
        '--via',
        `ssh://ctl${cluster.home}`,
      ],
      { env: { PILOTFISH_HOME: join(cluster.directory, 'home', cluster.user, 'laptop') }, timeoutMs: 500_000 },
    );

    await until('b2', /RUNNING/);
    process.kill(actingGateway(cluster), 'SIGKILL');
    await until('b1', /COMPLETED|TIMEOUT/);
    await until('b3', /RUNNING/);
    await until('b2', /COMPLETED|TIMEOUT/);
    await published;

    const events = (await cli('tail', 'echoed.*', '--from', 'all', '--count', String(count), '-o', 'json'))
      .trim()
      .split('\n');
    const subjects = events.map((line) => (JSON.parse(line) as { subject: string }).subject);
    expect({ all: subjects.length, distinct: new Set(subjects).size }).toEqual({ all: count, distinct: count });
    const seen = await far;
    expect(seen, seen.stderr).toMatchObject({ code: 0 });
    expect(new Set(seen.stdout.trim().split('\n')).size, seen.stderr).toBe(count);
    expect(JSON.parse(await cli('pilot', 'list', '-o', 'json')).items).toMatchObject([{ state: 'running', nodes: 3 }]);
    await cli('down');
    expect(readdirSync(join(cluster.home, 'pilots'))).toEqual([]);
    await eventually(() => cluster.userProcesses().length === 0, {
      timeoutMs: 30_000,
      what: 'no process is left on any node',
    });
    expect((await cluster.asRoot(['squeue', '--noheader'])).stdout).toBe('');
  }, 560_000);

  test('what it was extended by is followed before its own walltime ends, without a gap, until it is given back', async () => {
    await using cluster = await TestCluster.start({ kind: 'slurm', nodes: 4 });
    const pilot = new ClusterPilot(cluster);
    await pilot.up('--nodes', '3', '--cores-per-node', '2', '--brokers', '3', '--renew', '--walltime', '30m');
    const node = (await pilot.cli(['pilot', 'extend', '--nodes', '1', '--walltime', '1m'])).stdout.trim();
    // More than three nodes can hold.
    await pilot.deploy(
      'steady',
      'async (event) => { await new Promise((done) => setTimeout(done, 100)); return event.text(); }',
      ['timeout: 5s', 'scale: { min: 7, max: 7 }'],
    );
    const published = pilot.publish('steady', 2_000, 20);
    let fewest = 4;
    const follows = (block: string) =>
      eventually(
        async () => {
          fewest = Math.min(fewest, (await pilot.nodes()).length);
          return /COMPLETED|TIMEOUT/.test((await pilot.blocks()).find((each) => each.block === block)?.state ?? '');
        },
        { timeoutMs: 180_000, what: `${block} has been followed` },
      );
    await follows('b2');
    await follows('b3');
    expect(fewest, 'nodes that were ready at any moment').toBe(4);
    await published;
    await pilot.expectDone('steady', 2_000);
    const [last] = (await pilot.cli(['pilot', 'shrink', '--nodes', '1'])).stdout.trim().split('\n');
    expect(last).not.toBe(node);
    expect((await pilot.nodes()).length).toBe(3);
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  }, 420_000);
});

/** The gateway whose address the connection tells, as a pid of this machine. */
function actingGateway(cluster: TestCluster): number {
  const pilot = join(cluster.home, 'pilots', readdirSync(join(cluster.home, 'pilots'))[0] ?? '');
  const { gateway } = JSON.parse(readFileSync(join(pilot, 'connection.json'), 'utf8')) as {
    gateway: { address: string };
  };
  const record = readdirSync(join(pilot, 'brokers'))
    .map((name) => JSON.parse(readFileSync(join(pilot, 'brokers', name), 'utf8')) as { node: string; gateway: string })
    .find((each) => each.gateway === gateway.address);
  const line = cluster.userProcesses().find((each) => each.includes(`/nodes/${record?.node}/gateway.json`));
  if (!line) throw new Error(`no process is the gateway at ${gateway.address}`);
  return Number(line.split(' ')[0]);
}
