/** A pilot in jobs of a real Slurm, brought up by a plain user from the login node; its end proves that nothing leaked. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    cluster = await TestCluster.start({
      kind: 'slurm',
      nodes: 4,
      // A partition as sites have them, whose limits are held at once and not by a job that waits for ever.
      settings: { PILOT_SLURM_EXTRA: 'PartitionName=brief Nodes=ALL MaxTime=5 MaxNodes=2\nEnforcePartLimits=ALL' },
    });
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
    expect(await cluster.cli(['pilot', 'extend', '--nodes', '2', '--brokers'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /brokers cannot be added to a pilot that runs\n.*Bring the pilot up with --brokers 3/,
      ),
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

  test('two pilots at once; one whose job was cancelled is told as what it is by each command, and the other goes on', async () => {
    const start = () => cli('up', '--resource', 'slurm://', '--cores-per-node', '2', '--walltime', '30m', '--detach');
    const ids = (await Promise.all([start(), start()])).map(({ stdout }) => stdout.trim());
    const [gone = '', other = ''] = ids;
    expect(await cluster.cli(['list'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there are 2 pilots:[\s\S]*Say which: --pilot/),
    });
    for (const id of ids) expect((await cli('pilot', 'wait', '--pilot', id)).stdout.trim()).toBe(id);
    const { blocks } = (await json('pilot', 'info', '--pilot', gone)) as { blocks: { job: string }[] };
    const [{ job } = { job: '' }] = blocks;
    const file = join(cluster.directory, 'home', cluster.user, 'colleague.json');
    await cli('auth', 'token', 'create', '--role', 'view', '--pilot', gone, '--out', file);
    await cluster.asRoot(['scancel', job]);
    await eventually(
      async () => {
        const { items } = (await json('pilot', 'list')) as { items: { pilot: string; state: string }[] };
        return items.find(({ pilot }) => pilot === gone)?.state === 'stopped';
      },
      { timeoutMs: 60_000, what: 'the pilot is known to be stopped' },
    );
    expect(await cluster.cli(['pilot', 'wait', '--pilot', gone])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining(`job ${job} has ended (cancelled`),
    });
    for (const words of [
      ['list', '--pilot', gone],
      ['invoke', 'echo', '-d', 'hi', '--pilot', gone],
      ['pub', 'numbers.1', '-d', 'x', '--pilot', gone],
      ['pilot', 'extend', '--pilot', gone],
      ['pilot', 'shrink', '--nodes', '1', '--pilot', gone],
      // A colleague, whose file names the job and nothing else that could be looked at.
      ['list', '--pilot', file],
    ])
      expect(await cluster.cli(words), words.join(' ')).toMatchObject({
        code: 8,
        stdout: '',
        stderr: expect.stringMatching(new RegExp(`pilot ${gone} ended at 20[-\\d:.T]+Z: its job ${job} is cancelled`)),
      });
    expect((await cli('pilot', 'info', '--pilot', gone)).stdout).toMatch(/job \d+ cancelled.*: n1\n/);
    expect(await json('pilot', 'info', '--pilot', other)).toMatchObject({ pilot: other, state: 'running' });
    await cli('down', '--all');
    await nothingIsLeft();
  });

  /** Flags with which a job runs, and this in place of its launcher. */
  const launcherThat = (name: string, does: string) => {
    const bin = join(cluster.directory, name);
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'setsid'), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
    return ['--cores-per-node', '2', '--walltime', '1h', '--set-env', `PATH=${bin}:/usr/bin:/bin`];
  };
  const neverReady = () => launcherThat('slow-bin', 'exec sleep 600');
  const jobs = async (state: string) =>
    (await cluster.asRoot(['squeue', '--noheader', '--format=%i', `--states=${state}`])).stdout
      .split('\n')
      .filter(Boolean);
  const until = (what: string, seen: () => Promise<boolean>) => eventually(seen, { timeoutMs: 60_000, what });

  test('a job that is killed before the pilot is ready: `up` says so, and leaves nothing', async () => {
    const up = cluster.cli(['up', '--resource', 'slurm://', ...neverReady()]);
    await until('the job runs', async () => (await jobs('R')).length === 1);
    const [job = ''] = await jobs('R');
    await cluster.asUser(['scancel', job]);
    expect(await up).toMatchObject({
      code: 8,
      stdout: '',
      stderr: expect.stringMatching(/job \d+ ended before the pilot was ready \(cancelled/),
    });
    await nothingIsLeft();
  });

  test.each([
    ['says why', 'echo "this node has no glibc" >&2; exit 3', /this node has no glibc/],
    ['says nothing', 'exit 3', /srun: error: n\d: task 0: Exited with exit code 3/],
  ] as const)(
    'a job whose launcher ends at once and %s: `up` shows what there is of its logs, and leaves nothing',
    async (_, does, says) => {
      const up = await cluster.cli(['up', '--resource', 'slurm://', ...launcherThat('sick-bin', does)]);
      expect(up).toMatchObject({ code: 8, stdout: '', stderr: expect.stringMatching(says) });
      expect(up.stderr).toMatch(/job \d+ ended before the pilot was ready \(failed, NonZeroExitCode\)/);
      await nothingIsLeft();
    },
  );

  test.each([
    ['while the job is in the queue', 'PD', () => ['--cores-per-node', '2', '--directive', '--hold'], 1],
    ['while it is, twice in a row', 'PD', () => ['--cores-per-node', '2', '--directive', '--hold'], 2],
    ['while the pilot starts', 'R', neverReady, 1],
  ] as const)('Ctrl-C %s leaves nothing', async (_, state, flags, times) => {
    const up = cluster.cli(['up', '--resource', 'slurm://', ...flags()]);
    await until(`the job is ${state}`, async () => (await jobs(state)).length === 1);
    const command = cluster.userProcesses().find((line) => /cli\.mjs up /.test(line));
    for (let time = 0; time < times; time += 1) {
      await cluster.asRoot(['kill', '-INT', command?.split(' ')[0] ?? '']);
      // Two at the same moment would be one.
      await new Promise((done) => setTimeout(done, 200));
    }
    expect(await up).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringMatching(/interrupted: nothing of the pilot is left\n$/),
    });
    await nothingIsLeft();
  });

  test('Ctrl-C gives a job back that `extend` waits for', async () => {
    await cli('up', '--resource', 'slurm://', '--cores-per-node', '2', '--walltime', '1h');
    const extend = cluster.cli(['pilot', 'extend', '--nodes', '1', '--directive', '--hold']);
    await until('the job waits', async () => (await jobs('PD')).length === 1);
    const command = cluster.userProcesses().find((line) => /cli\.mjs pilot extend /.test(line));
    await cluster.asRoot(['kill', '-INT', command?.split(' ')[0] ?? '']);
    expect(await extend).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringMatching(/interrupted: job \d+ is given back\n$/),
    });
    await until('no job waits', async () => (await jobs('PD')).length === 0);
    expect((await json('node', 'list')).items).toMatchObject([{ id: 'n1', state: 'ready' }]);
    await cli('down');
    await nothingIsLeft();
  });

  test.each([
    [['--queue', 'nowhere'], 3, /invalid partition specified: nowhere/],
    [['--queue', 'brief', '--walltime', '1h'], 3, /Slurm refused the job: .*time limit is invalid/s],
    [['--queue', 'brief', '--walltime', '5m', '--nodes', '3'], 3, /Slurm refused the job: .*[Nn]ode count/s],
    [['--nodes', '99'], 3, /Slurm refused the job: .*more processors requested than permitted/is],
    [['--directive', '--nonsense'], 3, /Slurm refused the job: .*nonsense/s],
    [['--interface', 'ib7'], 3, /no interface of this node is "ib7"/],
    [['--interface', '10.1.0.0/99'], 2, /Write it like ib0 or 10\.1\.0\.0\/16/],
    [['--walltime', '1h', '--brokers', '3'], 2, /--brokers 3 needs 3 nodes/],
    [['--resource', 'slrum://'], 2, /resource "slrum:\/\/" is not supported/],
    [['--resource', 'slurm://?queue=a'], 2, /has no setting "queue"/],
  ] as const)('`up` %j fails with the words that explain it, and leaves nothing', async (more, code, says) => {
    const up = await cluster.cli(['up', '--resource', 'slurm://', '--cores-per-node', '2', ...more]);
    expect(up).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) });
    await nothingIsLeft();
  });
});
