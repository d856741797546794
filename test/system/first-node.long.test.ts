/**
 * The pilot's own job is hit, with its gateway and brokers: power cuts and a requeue. Nothing that was
 * stored is lost; at the end no process, job or file is left.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

vi.setConfig({ testTimeout: 420_000 });

const steady = [
  'steady',
  'async (event) => { await new Promise((done) => setTimeout(done, 100)); return event.text(); }',
  ['timeout: 20s', 'scale: { min: 3, max: 3 }'],
] as const;

describe.skipIf(clusterMissing !== '')(
  `the first job of a pilot on slurm:// is hit (${clusterMissing || 'real'})`,
  () => {
    let cluster: TestCluster;
    let pilot: ClusterPilot;

    async function start(nodes: number): Promise<void> {
      cluster = await TestCluster.start({ kind: 'slurm', nodes, settings: { PILOT_CPUS: '2' } });
      pilot = new ClusterPilot(cluster);
    }
    afterEach(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    const until = (what: string, seen: () => Promise<boolean>) => eventually(seen, { timeoutMs: 180_000, what });
    /** A gateway that is away makes a command fail: asked again. */
    const untilNodes = (wanted: number) =>
      until(`${wanted} nodes are ready`, async () => {
        const { code, stdout } = await cluster.cli(['node', 'list', '-o', 'json']);
        if (code !== 0) return false;
        const { items } = JSON.parse(stdout) as { items: { state: string }[] };
        return items.filter(({ state }) => state === 'ready').length === wanted;
      });

    test('with three brokers, a node with one of them loses its power: events go on at once, and nothing is lost', async () => {
      await start(4);
      await pilot.up('--nodes', '4', '--cores-per-node', '2', '--brokers', '3', '--walltime', '1h');
      await pilot.deploy(...steady);
      const host = (await pilot.hostOf('n2')) ?? '';
      const published = pilot.publish('steady', 600, 20);
      await cluster.node('crash', host);
      await untilNodes(3);
      await published;
      await pilot.expectDone('steady', 600);
      expect(await pilot.state()).toBe('running');
      await pilot.cli(['down']);
      await cluster.node('boot', host);
      await pilot.nothingIsLeft();
    });

    test('with three brokers, the first node loses its power: another gateway acts, the job lives on, and nothing is lost', async () => {
      await start(3);
      await pilot.up('--nodes', '3', '--cores-per-node', '2', '--brokers', '3', '--walltime', '1h');
      await pilot.deploy(...steady);
      const host = (await pilot.hostOf('n1')) ?? '';
      const published = pilot.publish('steady', 600, 20);
      await pilot.cli(['tail', 'done.steady.*', '--from', 'all', '--count', '20']);
      await cluster.node('crash', host);
      await untilNodes(2);
      await published;
      await pilot.expectDone('steady', 600);
      expect((await pilot.blocks())[0]?.state).toBe('RUNNING');
      expect(await pilot.state()).toBe('running');
      await pilot.cli(['down']);
      await cluster.node('boot', host);
      await pilot.nothingIsLeft();
    });

    test('with one broker, the job is requeued: the pilot stands, and goes on with all that was stored', async () => {
      await start(2);
      await pilot.up('--nodes', '2', '--cores-per-node', '2', '--walltime', '1h');
      await pilot.deploy(...steady);
      const published = pilot.publish('steady', 400, 20);
      await pilot.cli(['tail', 'done.steady.*', '--from', 'all', '--count', '20']);
      const job = (await pilot.blocks())[0]?.job ?? '';
      expect(await cluster.asRoot(['scontrol', 'requeue', job])).toMatchObject({ code: 0 });
      await until('the job is queued', async () => (await pilot.blocks())[0]?.state !== 'RUNNING');
      expect(await pilot.state()).toBe('queued');
      await until('the job runs again', async () => (await pilot.blocks())[0]?.state === 'RUNNING');
      await untilNodes(2);
      await published;
      await pilot.expectDone('steady', 400);
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });

    test('with one broker, the first node of several loses its power: Slurm keeps the job for the others, they put it back into the queue, and nothing that was stored is lost', async () => {
      await start(4);
      await pilot.up('--nodes', '2', '--cores-per-node', '2', '--walltime', '1h');
      await pilot.cli(['pilot', 'extend', '--nodes', '1']);
      await pilot.deploy(...steady);
      const host = (await pilot.hostOf('n1')) ?? '';
      const job = (await pilot.blocks())[0]?.job ?? '';
      const published = pilot.publish('steady', 400, 20);
      await pilot.cli(['tail', 'done.steady.*', '--from', 'all', '--count', '20']);
      await cluster.node('crash', host);
      await until('the job is back in the queue', async () => (await pilot.state()) === 'queued');
      await until('the job runs again', async () => (await pilot.blocks())[0]?.state === 'RUNNING');
      await untilNodes(3);
      await published;
      await pilot.expectDone('steady', 400);
      expect((await pilot.blocks()).map((block) => block.job)).toContain(job);
      expect(await pilot.hostOf('n1')).not.toBe(host);
      await pilot.cli(['down']);
      await cluster.node('boot', host);
      await pilot.nothingIsLeft();
    });

    test('with one broker, the wire between the nodes is cut for longer than the others wait: the job is left alone, and all is well again afterwards', async () => {
      await start(2);
      await pilot.up('--nodes', '2', '--cores-per-node', '2', '--walltime', '1h');
      await pilot.deploy(...steady);
      const [head = '', other = ''] = [await pilot.hostOf('n1'), await pilot.hostOf('n2')];
      const job = (await pilot.blocks())[0]?.job ?? '';
      const published = pilot.publish('steady', 2_000, 20);
      await cluster.wire('cut', head, other);
      // A minute of silence, and then they ask every half minute.
      await new Promise((done) => setTimeout(done, 105_000));
      expect((await pilot.nodes()).map(({ id }) => id)).toEqual(['n1']);
      await cluster.wire('heal');
      await untilNodes(2);
      await published;
      await pilot.expectDone('steady', 2_000);
      expect((await cluster.asRoot(['scontrol', 'show', 'job', job])).stdout).toMatch(
        /JobState=RUNNING[\s\S]*Restarts=0/,
      );
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });

    test('its walltime ends: what runs is finished before, `pilot list` and every command say that it has ended, and `down` leaves nothing', async () => {
      await start(2);
      const id = await pilot.up('--nodes', '2', '--cores-per-node', '2', '--walltime', '1m');
      await pilot.deploy('steady', 'async (event) => event.text()', ['timeout: 2s']);
      await pilot.publish('steady', 100, 20);
      await pilot.expectDone('steady', 100);
      const job = (await pilot.blocks())[0]?.job ?? '';
      await until('the pilot has ended', async () => (await pilot.state()) === 'stopped');
      const ended = new RegExp(`pilot ${id} ended at 20[-\\d:.T]+Z: its job ${job} is (?:timeout|completed)`);
      for (const words of [['list'], ['pub', 'steady.late', '-d', 'x'], ['tail', 'done.steady.*'], ['pilot', 'extend']])
        expect(await cluster.cli(words), words.join(' ')).toMatchObject({
          code: 8,
          stdout: '',
          stderr: expect.stringMatching(ended),
        });
      expect(cluster.userProcesses()).toEqual([]);
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });
  },
);
