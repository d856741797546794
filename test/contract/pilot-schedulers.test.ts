/** slurm://, sge:// and ssh:// against the real thing on nodes of their own, as a plain user. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createScheduler, type Dialect, sge, slurm } from '../../platform/pilot/scheduler/index.ts';
import { clusterMissing, TestCluster } from '../harness/cluster.ts';
import { type PilotSubject, pilotCases } from './pilot-cases.ts';

/** Installing Debian's packages takes a minute where they are not there yet. */
const upMs = 300_000;

const systems: readonly {
  kind: 'slurm' | 'sge';
  dialect: Dialect;
  refused: PilotSubject['refused'];
  knowsEnd: boolean;
}[] = [
  {
    kind: 'slurm',
    dialect: slurm,
    refused: { request: { queue: 'nowhere' }, says: /Slurm refused the job: .*nowhere/s },
    knowsEnd: true,
  },
  {
    kind: 'sge',
    dialect: sge(),
    refused: { request: { queue: 'nowhere' }, says: /Grid Engine refused the job: .*nowhere/s },
    knowsEnd: false,
  },
];

describe.skipIf(clusterMissing !== '').each(systems)(
  `$kind:// (${clusterMissing || 'real'})`,
  ({ kind, dialect, ...rest }) => {
    let cluster: TestCluster;
    let subject: PilotSubject;

    beforeAll(async () => {
      cluster = await TestCluster.start({ kind, nodes: 3 });
      const directory = join(cluster.directory, 'jobs');
      mkdirSync(directory);
      chmodSync(directory, 0o777);
      const scheduler = createScheduler(dialect, async (argv, limits) => {
        // What this process wrote is the user's: here root stands in for his command.
        await cluster.asRoot(['chown', '-R', cluster.user, directory]);
        return await cluster.asUser(argv, limits);
      });
      subject = { scheduler, directory, unknownId: '999', ...rest };
    }, upMs);
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    pilotCases(() => subject);
  },
);
