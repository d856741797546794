/** The gateway itself asks a real Slurm or Grid Engine for nodes where instances find no room, and gives back what it asked for. */
import { describe, expect, test } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

interface Explained {
  readonly nodes: number;
  readonly waiting: number;
  readonly nodesMax: number;
  readonly nodeHours: number;
  readonly reason: string;
  readonly decisions: readonly { from: number; to: number; reason: string }[];
}

/** Handles two events a second and instance, and is scaled to what waits. */
const slow = 'async (event) => { await new Promise((done) => setTimeout(done, 500)); return event.text(); }';
const scaledTo = (max: number) => ['timeout: 10s', `scale: { min: 0, max: ${max}, cooldown: 2s }`];

describe.skipIf(clusterMissing !== '').each(['slurm', 'sge'] as const)(
  `nodes by load on %s:// (${clusterMissing || 'real'})`,
  (kind) => {
    test('from one node to three under load and back, within --max-nodes; nodes that the user asked for stay; each step is explained', async () => {
      await using cluster = await TestCluster.start({ kind, nodes: 4, settings: { PILOT_CPUS: '2' } });
      const pilot = new ClusterPilot(cluster);
      const explain = async () => (await pilot.json('node', 'explain')) as Explained;
      await pilot.up(
        '--cores-per-node',
        '2',
        '--walltime',
        '1h',
        '--max-nodes',
        '3',
        '--node-hours',
        '3.2',
        '--keep-nodes',
        '5s',
      );
      expect((await pilot.cli(['pilot', 'extend', '--nodes', '1'])).stdout).toBe('n2\n');
      await pilot.deploy('slow', slow, scaledTo(12));

      const published = pilot.publish('slow', 400, 100);
      await eventually(async () => (await pilot.nodes()).length === 3, {
        timeoutMs: 120_000,
        what: 'a third node joins',
      });
      const grown = await explain();
      expect(grown).toMatchObject({ nodes: 3, nodesMax: 3 });
      expect(grown.decisions).toMatchObject([
        {
          from: 2,
          to: 3,
          reason: expect.stringMatching(
            /slots short for \d+ s, 2 a node, queue wait \d+ s -> ask for \d .*b3, job \d+/,
          ),
        },
      ]);
      expect(await cluster.cli(['pilot', 'extend', '--nodes', '1'])).toMatchObject({
        code: 8,
        stderr: expect.stringContaining('would pass --max-nodes 3'),
      });
      await eventually(async () => (await explain()).reason.includes('the most is 3 nodes'), {
        timeoutMs: 60_000,
        what: 'what holds it at three is said',
      });

      await published;
      await pilot.expectDone('slow', 400);
      await eventually(async () => (await pilot.nodes()).length === 2, {
        timeoutMs: 120_000,
        what: 'the third node goes back',
      });
      expect((await pilot.nodes()).map(({ id }) => id)).toEqual(['n1', 'n2']);
      expect((await explain()).decisions.at(-1)).toMatchObject({
        from: 3,
        to: 2,
        reason: expect.stringContaining('give back b3'),
      });
      await eventually(async () => (await cluster.jobs('running')).length === 2, {
        timeoutMs: 60_000,
        what: 'its job has ended',
      });
      expect((await explain()).nodeHours).toBeLessThan(0.5);
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });

    test('what is short of three nodes is asked for as one job of three, and given back whole', async () => {
      await using cluster = await TestCluster.start({ kind, nodes: 4, settings: { PILOT_CPUS: '2' } });
      const pilot = new ClusterPilot(cluster);
      await pilot.up('--cores-per-node', '2', '--walltime', '1h', '--max-nodes', '4', '--keep-nodes', '5s');
      await pilot.deploy('slow', slow, scaledTo(8));
      const published = pilot.publish('slow', 600, 300);
      await eventually(async () => (await pilot.nodes()).length === 4, {
        timeoutMs: 120_000,
        what: 'three nodes join',
      });
      expect((await pilot.blocks()).map(({ nodes }) => nodes)).toEqual([['n1'], ['n2', 'n3', 'n4']]);
      expect(await cluster.jobs('running')).toHaveLength(2);
      await published;
      await pilot.expectDone('slow', 600);
      await eventually(async () => (await pilot.nodes()).length === 1 && (await cluster.jobs('running')).length === 1, {
        timeoutMs: 120_000,
        what: 'all three go back',
      });
      const { decisions } = (await pilot.json('node', 'explain')) as Explained;
      expect(decisions.map(({ from, to }) => [from, to])).toEqual([
        [1, 4],
        [4, 1],
      ]);
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });
  },
);

describe.skipIf(clusterMissing !== '')(`nodes by load on slurm:// alone (${clusterMissing || 'real'})`, () => {
  test('a gateway that is killed while it waits for nodes: the next one waits for the same job, and asks for no other', async () => {
    await using cluster = await TestCluster.start({ kind: 'slurm', nodes: 2, settings: { PILOT_CPUS: '2' } });
    const pilot = new ClusterPilot(cluster);
    const other = await cluster.asRoot([
      'sbatch',
      '--parsable',
      '--exclusive',
      '--nodelist=n2',
      '--output=/dev/null',
      '--wrap=sleep 600',
    ]);
    expect(other, other.stderr).toMatchObject({ code: 0 });
    await pilot.up('--cores-per-node', '2', '--walltime', '30m', '--max-nodes', '4', '--keep-nodes', '5s');
    await pilot.deploy('slow', slow, scaledTo(4));
    const published = pilot.publish('slow', 300, 100);
    await eventually(async () => (await cluster.jobs('queued')).length === 1, {
      timeoutMs: 120_000,
      what: 'a job for more nodes is in the queue',
    });
    const waiting = await cluster.jobs('queued');
    const killed = pilot.actingGateway().pid;
    process.kill(killed, 'SIGKILL');
    await eventually(
      async () => {
        const explained = await cluster.cli(['node', 'explain', '-o', 'json']);
        return explained.code === 0 && (JSON.parse(explained.stdout) as Explained).waiting === 1;
      },
      { timeoutMs: 60_000, what: 'another gateway looks at the nodes' },
    );
    expect(pilot.actingGateway().pid).not.toBe(killed);
    // It has looked several times, and longer than it is patient.
    await new Promise((done) => setTimeout(done, 10_000));
    expect(await cluster.jobs('queued')).toEqual(waiting);
    await cluster.asRoot(['scancel', other.stdout.trim()]);
    await eventually(async () => (await pilot.nodes()).length === 2, { timeoutMs: 120_000, what: 'its node joins' });
    await published;
    await pilot.expectDone('slow', 300);
    expect((await pilot.blocks()).map(({ job }) => job)).toEqual([expect.any(String), ...waiting]);
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  });

  test('what no budget, limit or queue allows is not asked for, and said', async () => {
    await using cluster = await TestCluster.start({ kind: 'slurm', nodes: 2, settings: { PILOT_CPUS: '1' } });
    const pilot = new ClusterPilot(cluster);
    const up = (...more: string[]) => cluster.cli(['up', '--resource', 'slurm://', '--cores-per-node', '1', ...more]);
    expect(await up('--node-hours', '2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--node-hours needs --walltime'),
    });
    expect(await up('--walltime', '3h', '--node-hours', '2.5')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the first job alone may use 3.00 node-hours; --node-hours is 2.5'),
    });
    await pilot.up(
      '--cores-per-node',
      '1',
      '--walltime',
      '1h',
      '--max-nodes',
      '4',
      '--node-hours',
      '1.5',
      '--keep-nodes',
      '5s',
    );
    expect(await cluster.cli(['pilot', 'extend', '--nodes', '1'])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('with 1 more nodes the pilot could use 2.0 node-hours; --node-hours is 1.5'),
    });
    // What it asks for must be cheap enough: half an hour is.
    expect((await pilot.cli(['pilot', 'extend', '--nodes', '1', '--walltime', '20m'])).stdout).toBe('n2\n');
    await pilot.deploy(
      'slow',
      'async (event) => { await new Promise((done) => setTimeout(done, 1000)); return event.text(); }',
      ['timeout: 10s', 'scale: { min: 0, max: 12, cooldown: 2s }'],
    );
    await pilot.publish('slow', 60, 100);
    await eventually(
      async () =>
        ((await pilot.json('node', 'explain')) as Explained).reason.includes(
          'the budget of 1.5 node-hours is spent or promised',
        ),
      {
        timeoutMs: 60_000,
        what: 'the budget is named',
      },
    );
    await pilot.expectDone('slow', 60);
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  });
});
