/**
 * Limits of accounts and QOS, on a real Slurm with its database (slurmdbd on MariaDB): what is refused, what waits and for
 * how long, in the scheduler's own words; nothing is left of either.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;
vi.setConfig({ testTimeout: 240_000 });

describe.skipIf(clusterMissing !== '')(`limits of accounts and QOS (${clusterMissing || 'real'})`, () => {
  let cluster: TestCluster;
  let pilot: ClusterPilot;

  beforeAll(async () => {
    cluster = await TestCluster.start({
      kind: 'slurm',
      nodes: 3,
      settings: {
        PILOT_CPUS: '2',
        PILOT_DBD: '1',
        PILOT_SLURM_EXTRA: 'AccountingStorageEnforce=associations,limits,qos',
      },
    });
    pilot = new ClusterPilot(cluster);
    await account('add', 'account', 'phys');
    await account('add', 'user', cluster.user, 'account=phys', 'defaultaccount=phys');
    await account('modify', 'account', 'phys', 'set', 'GrpTRES=node=2');
    // One that refuses what passes its limits, and one that lets it wait.
    await account('add', 'qos', 'brief', 'MaxWall=10', 'Flags=DenyOnLimit');
    await account('add', 'qos', 'single', 'MaxJobsPerUser=1');
    await account('modify', 'user', cluster.user, 'set', 'qos+=brief,single');
  }, upMs);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await cluster.cli(['down', '--all']);
  }, 120_000);

  async function account(...args: string[]): Promise<void> {
    const done = await cluster.asRoot(['sacctmgr', '--immediate', '--quiet', ...args]);
    expect(done, `${args.join(' ')}: ${done.stdout}${done.stderr}`).toMatchObject({ code: 0 });
  }
  const flags = ['--cores-per-node', '2', '--walltime', '1h'];
  /** The id of the one job in the queue, once Slurm has said why it waits: it looks again each second. */
  const untilWaits = async (reason: string) => {
    await eventually(
      async () =>
        (await cluster.asRoot(['squeue', '--noheader', '--format=%r', '--states=PD'])).stdout.trim() === reason,
      { timeoutMs: 60_000, what: `a job waits for ${reason}` },
    );
    return (await cluster.jobs('queued'))[0] ?? '';
  };

  test.each([
    [['--project', 'nobody'], /Slurm refused the job: .*Invalid account or account\/partition combination/s],
    [['--qos', 'nowhere'], /Slurm refused the job: .*Invalid qos specification/s],
    [['--qos', 'brief'], /Slurm refused the job: QOSMaxWallDurationPerJobLimit.*violates accounting\/QOS policy/s],
  ] as const)('`up` %j is refused in the words of Slurm, and leaves nothing', async (more, says) => {
    expect(await cluster.cli(['up', '--resource', 'slurm://', ...flags, ...more])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(says),
    });
    await pilot.nothingIsLeft();
  });

  test('a second job of a QOS that allows one waits: `up` says for what, and is ready once the first has ended', async () => {
    const first = await pilot.up(...flags, '--qos', 'single');
    const second = cluster.cli(['up', '--resource', 'slurm://', ...flags, '--qos', 'single'], { timeoutMs: 200_000 });
    const job = await untilWaits('QOSMaxJobsPerUserLimit');
    expect((await pilot.json('pilot', 'list')).items).toMatchObject([
      { pilot: first, state: 'running' },
      { state: 'queued', nodesAlive: 0 },
    ]);
    // It asks every few seconds, and has told by then.
    await new Promise((done) => setTimeout(done, 5_000));
    await pilot.cli(['down', first]);
    const up = await second;
    expect(up, up.stderr).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`job ${job} waits: pending (QOSMaxJobsPerUserLimit)`),
    });
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  });

  test('an extension past the nodes of the account waits, is told as what it is, and can be taken back', async () => {
    await pilot.up(...flags, '--nodes', '2');
    const extend = cluster.cli(['pilot', 'extend', '--nodes', '1'], { timeoutMs: 200_000 });
    const job = await untilWaits('AssocGrpNodeLimit');
    expect((await pilot.blocks()).at(-1)).toMatchObject({ job, state: 'PENDING', reason: 'AssocGrpNodeLimit' });
    expect((await pilot.json('pilot', 'list')).items).toMatchObject([{ state: 'running', nodes: 3, nodesAlive: 2 }]);
    await new Promise((done) => setTimeout(done, 5_000));
    expect((await pilot.cli(['pilot', 'shrink', '--nodes', '1'])).stdout).toBe('n3\n');
    expect(await extend).toMatchObject({
      code: 8,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`job ${job} waits: pending \\(AssocGrpNodeLimit\\)[\\s\\S]*job ${job} ended .*cancelled`),
      ),
    });
    expect(await cluster.jobs()).toHaveLength(1);
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  });
});
