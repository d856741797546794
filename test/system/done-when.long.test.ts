/**
 * The main job on real batch systems, as a plain user: the demo starts on one node, grows to four while the scan is replayed,
 * loses one to a power cut, shrinks back to one, and has lost and doubled nothing; nothing is left on any node.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

const systems = [
  { kind: 'slurm', processors: '2', list: ['squeue', '--noheader', '--format=%i'] },
  // A job takes one slot of a host here, and the least loaded host is not always a free one.
  { kind: 'sge', processors: '1', list: ['qstat', '-u', '*'] },
] as const;

describe.skipIf(clusterMissing !== '').each(systems)(
  `the demo on $kind:// (${clusterMissing || 'real'})`,
  ({ kind, processors, list }) => {
    test('grows from one node to four and back while frames come, and survives a power cut', async () => {
      // Each job of the demo fills a host, so that every node of the pilot has one of its own.
      await using cluster = await TestCluster.start({ kind, nodes: 4, settings: { PILOT_CPUS: processors } });
      const cli = async (...args: string[]) => {
        const result = await cluster.cli(args);
        expect(result, result.stderr).toMatchObject({ code: 0 });
        return result.stdout;
      };
      const nodes = async () =>
        (
          JSON.parse(await cli('node', 'list', '-o', 'json')).items as { id: string; state: string; address: string }[]
        ).filter(({ state }) => state === 'ready');
      const blockOf = async (node: string) =>
        (
          JSON.parse(await cli('pilot', 'info', '-o', 'json')).blocks as { nodes: readonly string[]; state: string }[]
        ).find((block) => block.nodes.includes(node));
      const program = (name: string) => join(cluster.directory, 'pilotfish', name);
      const demo = cluster.startAsUser(
        [
          program('bin/node'),
          program('dist/demo.mjs'),
          ...['--resource', `${kind}://`, '--nodes', '1', '--scans', '4', '--rate', '8', '--size', '128', '--json'],
          ...['--out', join(cluster.directory, 'home', cluster.user, 'out')],
        ],
        { env: { PILOTFISH_NATS_SERVER: program('bin/nats-server') } },
      );
      const pilots = join(cluster.home, 'pilots');
      const connected = () => existsSync(pilots) && readdirSync(pilots).length === 1;
      await eventually(async () => connected() && (await nodes()).length === 1, {
        timeoutMs: 120_000,
        what: 'the demo has a node',
      });

      for (const count of [2, 3, 4]) {
        await cli('pilot', 'extend', '--nodes', '1');
        expect(await nodes()).toHaveLength(count);
      }
      const hosts = (await nodes()).map(({ address }) => address);
      expect(new Set(hosts).size, 'four hosts').toBe(4);

      const cut = (await nodes()).find(({ id }) => id === 'n3');
      const host = `n${Number(cut?.address.split('.').at(-1)) - 10}`;
      await cluster.node('crash', host);
      await eventually(async () => (await nodes()).length === 3, {
        timeoutMs: 30_000,
        what: 'the cut node is known to be lost',
      });
      if (kind === 'sge') {
        // Grid Engine hears of the lost job only from the host itself, and ends it then; until then it is one to give back.
        await cluster.node('boot', host);
        await eventually(async () => (await blockOf('n3'))?.state === 'GONE', {
          timeoutMs: 120_000,
          what: 'Grid Engine has ended the lost job',
        });
      }
      // The cut one's job is given back too, where the scheduler has not ended it.
      await cli('pilot', 'shrink', '--nodes', kind === 'sge' ? '2' : '3');
      expect(await nodes()).toMatchObject([{ id: 'n1' }]);
      // Its scheduler hears of the lost job only from the host itself.
      if (kind === 'slurm') await cluster.node('boot', host);

      const { code, stdout, stderr } = await demo;
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        scans: 4,
        lost: 0,
        duplicates: 0,
        slices: 64,
      });

      expect(readdirSync(pilots)).toEqual([]);
      await eventually(() => cluster.userProcesses().length === 0, {
        timeoutMs: 30_000,
        what: 'no process is left on any node',
      });
      await eventually(async () => (await cluster.asUser(list)).stdout.trim() === '', {
        timeoutMs: 60_000,
        what: 'no job is left',
      });
    }, 480_000);
  },
);
