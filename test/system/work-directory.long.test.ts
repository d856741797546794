/** The shared work directory is read-only, or full before the start, or becomes either while events come: on a real Slurm. */
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { ClusterPilot } from '../harness/cluster-pilot.ts';
import { eventually } from '../harness/eventually.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;
vi.setConfig({ testTimeout: 300_000 });

describe.skipIf(clusterMissing !== '')(`a work directory that takes nothing more (${clusterMissing || 'real'})`, () => {
  let cluster: TestCluster;
  let pilot: ClusterPilot;
  const filler = () => join(cluster.home, 'filler');

  beforeAll(async () => {
    cluster = await TestCluster.start({
      kind: 'slurm',
      nodes: 2,
      settings: { PILOT_CPUS: '2', PILOT_WORK_MIB: '600' },
    });
    pilot = new ClusterPilot(cluster);
  }, upMs);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await remount('rw');
    await cluster.asUser(['rm', '-f', filler()]);
    await cluster.cli(['down', '--all']);
  }, 120_000);

  const remount = async (mode: 'ro' | 'rw') => {
    const done = await cluster.asRoot(['mount', '-o', `remount,${mode}`, cluster.home]);
    expect(done, done.stderr).toMatchObject({ code: 0 });
  };
  /** Until nothing more goes in. */
  const fill = async () => {
    expect((await cluster.asUser(['dd', 'if=/dev/zero', `of=${filler()}`, 'bs=64k'])).stderr).toContain(
      'No space left',
    );
    expect(statfsSync(cluster.home).bavail).toBe(0);
  };
  const start = (...more: string[]) =>
    cluster.cli(['up', '--resource', 'slurm://', '--nodes', '2', '--cores-per-node', '2', '--walltime', '1h', ...more]);

  test('read-only: `up` says so, and submits nothing', async () => {
    await remount('ro');
    expect(await start()).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('cannot be written: read-only file system'),
    });
    await remount('rw');
    await pilot.nothingIsLeft();
  });

  test('full at the start: `up` says so, and leaves nothing', async () => {
    await fill();
    expect(await start()).toMatchObject({
      stdout: '',
      code: 8,
      stderr: expect.stringMatching(/nearly full: \d+ bytes are free/),
    });
    await pilot.nothingIsLeft();
  });

  test('full while events come: what was taken is handled once, and all goes on when there is room again', async () => {
    const up = await start('--store-size', '64MiB');
    expect(up, up.stderr).toMatchObject({ code: 0 });
    await pilot.deploy(
      'steady',
      'async (event) => { await new Promise((done) => setTimeout(done, 20)); return event.text(); }',
      ['timeout: 20s', 'scale: { min: 2, max: 2 }'],
    );
    const published = pilot.publish('steady', 900, 30);
    await pilot.cli(['tail', 'done.steady.*', '--from', 'all', '--count', '20']);
    await fill();
    // A third of the events comes meanwhile.
    await new Promise((done) => setTimeout(done, 10_000));
    await cluster.asUser(['rm', '-f', filler()]);
    await published;
    await pilot.expectDone('steady', 900);
    await eventually(async () => (await pilot.nodes()).length === 2, {
      timeoutMs: 60_000,
      what: 'both nodes are ready',
    });
    expect(await pilot.state()).toBe('running');
    await pilot.cli(['down']);
    await pilot.nothingIsLeft();
  });
});

const noLoop = existsSync('/dev/loop-control') ? '' : 'no loop devices, to make a file system fail';
describe.skipIf(clusterMissing !== '' || noLoop !== '')(
  `a work directory that becomes read-only (${clusterMissing || noLoop || 'real'})`,
  () => {
    test('what is not stored is not called stored; the state is told; `down` ends every job and process, and says what stays', async () => {
      await using cluster = await TestCluster.start({
        kind: 'slurm',
        nodes: 2,
        settings: { PILOT_CPUS: '2', PILOT_WORK_MIB: '800', PILOT_WORK_FS: 'ext4' },
      });
      const pilot = new ClusterPilot(cluster);
      await pilot.up('--nodes', '2', '--cores-per-node', '2', '--walltime', '1h', '--store-size', '64MiB');
      await pilot.deploy(
        'steady',
        'async (event) => { await new Promise((done) => setTimeout(done, 20)); return event.text(); }',
        ['timeout: 20s', 'scale: { min: 2, max: 2 }'],
      );
      const stop = new AbortController();
      const published = cluster.cli(['pub', 'steady.{n}', '-d', '{n}', '--count', '3000', '--rate', '30/s'], {
        signal: stop.signal,
        timeoutMs: 200_000,
      });
      await pilot.cli(['tail', 'done.steady.*', '--from', 'all', '--count', '20']);
      const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
      const [device = ''] = mounts.find((line) => line.includes(` ${cluster.home} `))?.split(' ') ?? [];
      writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1');
      await eventually(
        async () =>
          (await cluster.cli(['pub', 'steady.late', '-d', 'x', '--count', '1'], { timeoutMs: 60_000 })).code === 8,
        { timeoutMs: 120_000, what: 'nothing more is taken' },
      );
      expect(await cluster.cli(['pilot', 'list'])).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/pilots can store nothing, .*read-only/i),
      });
      // Its source waits, and has claimed nothing.
      stop.abort();
      expect((await published).stdout).toBe('');
      expect(await cluster.cli(['down'], { timeoutMs: 200_000 })).toMatchObject({
        code: 8,
        stderr: expect.stringMatching(
          /no job of the pilot is left, but its files cannot be removed: .*Read-only file system[\s\S]*pilotfish down/i,
        ),
      });
      await eventually(async () => [...(await cluster.jobs()), ...cluster.userProcesses()].length === 0, {
        timeoutMs: 60_000,
        what: 'no job and no process is left',
      });
    }, 300_000);
  },
);
