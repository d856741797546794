/** slurm://, slurm+ssh://, ssh:// and sge:// against the real thing on nodes of their own, as a plain user. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  createScheduler,
  createSshScheduler,
  runThroughSsh,
  type Scheduler,
  sge,
  slurm,
} from '../../platform/pilot/scheduler/index.ts';
import type { RunCommand } from '../../platform/pilot/scheduler/run-command.ts';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { type PilotSubject, pilotCases } from './pilot-cases.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;

interface System extends Omit<PilotSubject, 'scheduler' | 'directory'> {
  readonly name: string;
  /** `run`: as the plain user, on the machine from which pilots are brought up. */
  readonly open: (run: RunCommand) => Scheduler;
}

const slurmRefuses = { request: { queue: 'nowhere' }, says: /Slurm refused the job: .*nowhere/s };
const clusters: readonly { kind: 'slurm' | 'sge'; sshd: readonly string[]; systems: readonly System[] }[] = [
  {
    kind: 'slurm',
    sshd: ['ctl', 'n1', 'n2', 'n3'],
    systems: [
      {
        name: 'slurm://',
        open: (run) => createScheduler(slurm, run),
        refused: slurmRefuses,
        unknownId: '999',
        knowsEnd: true,
      },
      {
        name: 'slurm+ssh://ctl',
        open: (run) => createScheduler(slurm, runThroughSsh('ctl', run)),
        refused: slurmRefuses,
        unknownId: '999',
        knowsEnd: true,
      },
      {
        name: 'ssh://n1,n2,n3:22',
        open: (run) => createSshScheduler(['n1', 'n2', 'n3:22'], (host) => runThroughSsh(host, run)),
        refused: { request: { queue: 'short' }, says: /ssh:\/\/ has no queue/ },
        unknownId: 'n1:4194300',
        knowsEnd: false,
      },
    ],
  },
  {
    kind: 'sge',
    sshd: [],
    systems: [
      {
        name: 'sge://',
        open: (run) => createScheduler(sge(), run),
        refused: { request: { queue: 'nowhere' }, says: /Grid Engine refused the job: .*nowhere/s },
        unknownId: '999',
        knowsEnd: false,
      },
    ],
  },
];

describe.skipIf(clusterMissing !== '').each(clusters)(
  `nodes with $kind (${clusterMissing || 'real'})`,
  ({ kind, sshd, systems }) => {
    let cluster: TestCluster;
    const directory = () => join(cluster.directory, 'jobs');

    beforeAll(async () => {
      cluster = await TestCluster.start({ kind, nodes: 3 });
      if (sshd.length > 0) await cluster.sshd(...sshd);
      for (const at of [directory(), ...systems.map((_, index) => join(directory(), String(index)))]) {
        mkdirSync(at);
        chmodSync(at, 0o777);
      }
    }, upMs);
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    const run: RunCommand = async (argv, limits) => {
      // What this process wrote is the user's: here root stands in for his command.
      await cluster.asRoot(['chown', '-R', cluster.user, directory()]);
      return await cluster.asUser(argv, limits);
    };

    for (const [index, { name, open, ...rest }] of systems.entries()) {
      describe(name, () => {
        pilotCases(() => ({ ...rest, directory: join(directory(), String(index)), scheduler: open(run) }));
      });
    }
  },
);
