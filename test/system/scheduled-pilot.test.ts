/** A pilot in jobs of a real Slurm, brought up by a plain user from the login node; its end proves that nothing leaked. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;
/** A dozen commands each, which start in a tenth of a second on a quiet machine and in two on a busy one. */
const testMs = 180_000;
vi.setConfig({ testTimeout: testMs });

describe.skipIf(clusterMissing !== '')(`slurm:// (${clusterMissing || 'real'})`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start({ kind: 'slurm', nodes: 4 });
  }, upMs);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  // A test that failed must not make the next one fail.
  afterEach(async () => {
    await cluster?.cli(['down', '--all']);
  }, testMs);

  const cli = async (...args: string[]) => {
    const result = await cluster.cli(args);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return result;
  };
  const json = async (...args: string[]) => JSON.parse((await cli(...args, '-o', 'json')).stdout);

  /** Jobs that hold nodes, processes on any node, files of pilots. */
  const leftBehind = async () => [
    ...(await cluster.asRoot(['squeue', '--noheader', '--format=%i %T'])).stdout.split('\n').filter(Boolean),
    ...cluster.userProcesses(),
    ...readdirSync(join(cluster.home, 'pilots')),
  ];

  const nothingIsLeft = () =>
    eventually(
      async () => {
        const left = await leftBehind();
        if (left.length > 0) throw new Error(left.join(', '));
        return true;
      },
      { timeoutMs: 30_000, what: 'no job, process or pilot is left' },
    );

  test('`up` submits one job, tells what it waits for, and is ready on nodes that have nothing but the shared directory', async () => {
    const up = await cli('up', '--resource', 'slurm://', '--nodes', '2', '--cores-per-node', '4', '--walltime', '1h');
    expect(up.stdout).toMatch(/^p-\w{4}\n$/);
    expect(up.stderr).toMatch(
      /job \d+ submitted[\s\S]*job \d+ runs[\s\S]*n2: agent[\s\S]*ready [\d.]+ m?s after the job's start/,
    );
    expect(await json('node', 'list')).toMatchObject({
      items: [
        { id: 'n1', state: 'ready', slots: 4 },
        { id: 'n2', state: 'ready', slots: 4 },
      ],
    });
    await cli('deploy', join(cluster.directory, 'pilotfish/functions/echo'));
    expect((await cli('invoke', 'echo', '-d', 'hi')).stdout).toBe('hi');
    const info = await json('pilot', 'info');
    expect(info).toMatchObject({
      state: 'running',
      nodesAlive: 2,
      brokers: [expect.stringMatching(/^tls:/)],
      events: 'encrypted',
      blocks: [{ block: 'b1', state: 'RUNNING', nodes: ['n1', 'n2'], endsAt: expect.any(String) }],
    });
    expect((await cli('pub', 'numbers.{n}', '-d', '{n}', '--count', '50')).stderr).not.toContain('error');
    expect((await cli('tail', 'echoed.*', '--from', 'all', '--count', '50')).stdout.trim().split('\n')).toHaveLength(
      50,
    );
    const file = info.connectionFile as string;
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": "[^"]+"/, '"version": "0.0.9"'));
    expect((await cli('list')).stderr).toMatch(
      /this is pilotfish \d+\.\d+\.\d+, pilot p-\w+ was brought up by 0\.0\.9/,
    );
    expect((await cli('pilot', 'logs')).stderr).toMatch(/== nodes\/n2\/logs\/agent\.log/);
    await cli('down');
    await nothingIsLeft();
  });

  test('`extend` adds nodes of a further job, within the limits; `shrink` drains them and gives the job back whole', async () => {
    await cli(
      'up',
      '--resource',
      'slurm://',
      '--cores-per-node',
      '4',
      '--directive',
      '--exclusive',
      '--walltime',
      '1h',
      '--plain-data',
      '--max-nodes',
      '3',
    );
    expect(await json('pilot', 'info')).toMatchObject({
      brokers: [expect.stringMatching(/^nats:/)],
      events: 'not encrypted: --plain-data was given',
    });
    // Its exit code is about the login node, too.
    expect((await cluster.cli(['doctor'])).stdout).toContain('unencrypted (--plain-data)');
    await cli('deploy', join(cluster.directory, 'pilotfish/functions/echo'));
    const extended = await cli('pilot', 'extend', '--nodes', '2');
    expect(extended.stdout).toBe('n2\nn3\n');
    const addresses = (await json('node', 'list')).items.map(({ address }: { address: string }) => address);
    expect(new Set(addresses).size, 'three hosts').toBe(3);
    expect(await cluster.cli(['pilot', 'extend', '--nodes', '1'])).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(/has 3 nodes; 1 more would pass --max-nodes 3/),
    });
    expect(await cluster.cli(['pilot', 'shrink', '--nodes', '1'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/jobs go back whole, and these can: b2 \(n2, n3\)/),
    });
    await cli('pub', 'numbers.{n}', '-d', '{n}', '--count', '500');
    expect((await cli('pilot', 'shrink', '--nodes', '2')).stdout).toBe('n2\nn3\n');
    // What the drained nodes held runs on the one that is left.
    expect((await cli('tail', 'echoed.*', '--from', 'all', '--count', '500')).stdout.trim().split('\n')).toHaveLength(
      500,
    );
    expect((await json('node', 'list')).items).toMatchObject([{ id: 'n1', state: 'ready' }]);
    await cli('down');
    await nothingIsLeft();
  });

  test('`up --detach` returns at once, `pilot wait` waits, and a cancelled job is told as what it is', async () => {
    const up = await cli('up', '--resource', 'slurm://', '--cores-per-node', '2', '--walltime', '30m', '--detach');
    expect((await cli('pilot', 'wait')).stdout).toBe(up.stdout);
    const { blocks } = (await json('pilot', 'info')) as { blocks: { job: string }[] };
    await cluster.asRoot(['scancel', blocks[0]?.job ?? '']);
    await eventually(async () => (await json('pilot', 'list')).items[0].state === 'stopped', {
      timeoutMs: 20_000,
      what: 'the pilot is known to be stopped',
    });
    await cli('down');
    await nothingIsLeft();
  });

  test.each([
    [['--queue', 'nowhere'], 3, /invalid partition specified: nowhere/],
    [['--directive', '--nonsense'], 3, /Slurm refused the job: .*nonsense/s],
    [['--interface', 'ib7'], 3, /no interface of this node is "ib7"/],
    [['--walltime', '1h', '--brokers', '3'], 2, /--brokers 3 needs 3 nodes/],
  ] as const)('`up` %j fails with the words that explain it, and leaves nothing', async (more, code, says) => {
    const up = await cluster.cli(['up', '--resource', 'slurm://', '--cores-per-node', '2', ...more]);
    expect(up).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) });
    await nothingIsLeft();
  });
});
