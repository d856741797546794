/**
 * What a real Slurm and its network do to a pilot while events come: daemons that die, jobs that are requeued, preempted and
 * cancelled, wires that are cut and slow. After each: every event handled once, the state shown is the truth; at the end no
 * process, job or file is left.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;
vi.setConfig({ testTimeout: 300_000 });

/** The first node, with gateway and broker, stays whole here; its loss is the subject of `first-node.long.test.ts`. */
describe.skipIf(clusterMissing !== '')(
  `a pilot on slurm:// whose extension is hit (${clusterMissing || 'real'})`,
  () => {
    let cluster: TestCluster;
    let pilot: ClusterPilot;
    let count = 0;

    beforeAll(async () => {
      cluster = await TestCluster.start({ kind: 'slurm', nodes: 3, settings: { PILOT_CPUS: '2' } });
      pilot = new ClusterPilot(cluster);
      await pilot.up('--cores-per-node', '2', '--walltime', '2h');
      // Two instances on either node.
      await pilot.deploy(
        'steady',
        'async (event) => { await new Promise((done) => setTimeout(done, 100)); return event.text(); }',
        ['timeout: 20s', 'scale: { min: 4, max: 4 }'],
      );
    }, upMs);
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    const until = (what: string, seen: () => Promise<boolean>) => eventually(seen, { timeoutMs: 120_000, what });
    const untilNodes = (wanted: number) =>
      until(`${wanted} nodes are ready`, async () => (await pilot.nodes()).length === wanted);
    const extension = async () => (await pilot.blocks()).at(-1);

    /** An extension that has joined, and the machine under it. */
    async function extend(...flags: string[]) {
      const node = (await pilot.cli(['pilot', 'extend', '--nodes', '1', ...flags])).stdout.trim();
      await untilNodes(2);
      return { node, host: (await pilot.hostOf(node)) ?? '', job: (await extension())?.job ?? '' };
    }

    /** Publishes for so many seconds while `fault` happens, and holds that each event was handled once. */
    async function underLoad(seconds: number, fault: () => Promise<void>): Promise<void> {
      const events = seconds * 20;
      const name = `steady.${++count}`;
      const published = pilot.cli([
        'pub',
        `steady.${count}-{n}`,
        '-d',
        '{n}',
        '--count',
        String(events),
        '--rate',
        '20/s',
      ]);
      await fault();
      await published;
      const tail = await pilot.cli([
        'tail',
        'done.steady.*',
        '--from',
        'all',
        '--count',
        String(total(events)),
        '-o',
        'name',
      ]);
      const subjects = tail.stdout.trim().split('\n');
      expect({ name, all: subjects.length, distinct: new Set(subjects).size }).toEqual({
        name,
        all: handled,
        distinct: handled,
      });
    }
    let handled = 0;
    const total = (events: number) => {
      handled += events;
      return handled;
    };

    const giveBack = async () => {
      await pilot.cli(['pilot', 'shrink', '--nodes', '1']);
      expect((await pilot.nodes()).map(({ id }) => id)).toEqual(['n1']);
    };

    test('slurmd is killed: its job goes on, and so do the events', async () => {
      const { host } = await extend();
      await underLoad(10, async () => {
        await cluster.node('kill-slurmd', host);
        await cluster.node('start-slurmd', host);
      });
      expect(await pilot.nodes()).toHaveLength(2);
      await giveBack();
    });

    test('slurmctld is away for a minute: the pilot runs on, what is asked of it says so, and all is true again afterwards', async () => {
      await extend();
      await underLoad(60, async () => {
        await cluster.node('kill-ctld');
        try {
          expect(await cluster.cli(['pilot', 'extend', '--nodes', '1'], { timeoutMs: 120_000 })).toMatchObject({
            code: 8,
          });
          const list = await pilot.cli(['pilot', 'list']);
          expect(list.stdout).toMatch(/running\t2\/2/);
          expect(list.stderr).toMatch(/Slurm does not answer/);
          await new Promise((done) => setTimeout(done, 30_000));
        } finally {
          await cluster.node('start-ctld');
        }
      });
      await until('Slurm answers', async () => (await extension())?.state === 'RUNNING');
      await giveBack();
    });

    test('the wire is cut for eight seconds: the node is lost, its events run elsewhere, and it is back', async () => {
      const { node, host } = await extend();
      const gateway = (await pilot.hostOf('n1')) ?? '';
      await underLoad(20, async () => {
        await cluster.wire('cut', gateway, host);
        await until('it is known to be lost', async () => (await pilot.nodes('lost')).some(({ id }) => id === node));
        await new Promise((done) => setTimeout(done, 3_000));
        await cluster.wire('heal');
        await untilNodes(2);
      });
      await giveBack();
    });

    test('the wire is slow: events take longer, none is lost, and no node is called lost', async () => {
      const { host } = await extend();
      await cluster.wire('rate', host, '400');
      await underLoad(15, async () => undefined);
      expect(await pilot.nodes()).toHaveLength(2);
      await cluster.wire('heal');
      await giveBack();
    });

    test('the wire is cut for ever: the pilot goes on without the node, and its job can be given back', async () => {
      const { node, host } = await extend();
      const gateway = (await pilot.hostOf('n1')) ?? '';
      await underLoad(15, async () => {
        await cluster.wire('cut', gateway, host);
        await untilNodes(1);
      });
      await giveBack();
      await until('its processes have ended', async () =>
        cluster.userProcesses().every((line) => !line.includes(`/nodes/${node}/`)),
      );
      await cluster.wire('heal');
    });

    test('its node loses its power: Slurm fails the node and requeues the job, and the node joins again on another host', async () => {
      const { node, host, job } = await extend();
      await underLoad(60, async () => {
        await cluster.node('crash', host);
        await until('it is known to be lost', async () => (await pilot.nodes('lost')).some(({ id }) => id === node));
        await until('Slurm calls its host down', async () =>
          /down/.test((await cluster.asRoot(['sinfo', '--noheader', '--format=%T', `--nodes=${host}`])).stdout),
        );
        await untilNodes(2);
      });
      expect((await extension())?.job).toBe(job);
      expect((await extension())?.state).toBe('RUNNING');
      expect(await pilot.hostOf(node)).not.toBe(host);
      expect((await pilot.json('pilot', 'list')).items).toMatchObject([{ state: 'running', nodes: 2, nodesAlive: 2 }]);
      await giveBack();
      await cluster.node('boot', host);
    });

    test('the job is requeued: the node drains, waits in the queue, and joins again', async () => {
      const { job } = await extend();
      await underLoad(20, async () => {
        expect(await cluster.asRoot(['scontrol', 'requeue', job])).toMatchObject({ code: 0 });
        await untilNodes(1);
        await untilNodes(2);
      });
      expect((await extension())?.state).toBe('RUNNING');
      await giveBack();
    });

    test('the job is preempted: it gives way to the urgent one, and comes back after it', async () => {
      const { host } = await extend('--queue', 'low');
      await underLoad(30, async () => {
        const urgent = await cluster.asRoot([
          'sbatch',
          '--parsable',
          '--partition=urgent',
          '--exclusive',
          `--nodelist=${host}`,
          '--output=/dev/null',
          '--wrap=sleep 10',
        ]);
        expect(urgent, urgent.stderr).toMatchObject({ code: 0 });
        await untilNodes(1);
        expect((await pilot.json('pilot', 'list')).items).toMatchObject([
          { state: 'running', nodes: 2, nodesAlive: 1 },
        ]);
        await untilNodes(2);
      });
      await giveBack();
    });

    test('the job is cancelled by its user: the node drains and leaves', async () => {
      const { job } = await extend();
      await underLoad(10, async () => {
        expect(await cluster.asUser(['scancel', job])).toMatchObject({ code: 0 });
        await untilNodes(1);
      });
      expect((await pilot.json('pilot', 'list')).items).toMatchObject([{ state: 'running', nodes: 1, nodesAlive: 1 }]);
      expect((await extension())?.state).toBe('CANCELLED');
    });

    test('the job ends at its walltime: the node drains before, and nothing is cut off', async () => {
      await extend('--walltime', '1m');
      await underLoad(60, async () => {
        await untilNodes(1);
      });
      await until('the job has ended', async () => /COMPLETED|TIMEOUT/.test((await extension())?.state ?? ''));
    });

    test('nothing is left', async () => {
      await pilot.cli(['down']);
      await pilot.nothingIsLeft();
    });
  },
);
