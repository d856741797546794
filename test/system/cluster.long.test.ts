/** The clusters that tests run on do what the tests rely on: their scripts' own check. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { clusterMissing } from '../harness/cluster.ts';

const check = join(import.meta.dirname, '../harness/cluster/slurm-check.sh');

describe.skipIf(clusterMissing !== '')(`the Slurm of the tests (${clusterMissing || 'root on Debian'})`, () => {
  test('passes its own check', async () => {
    // A place of its own: other tests' clusters stand beside it.
    const env = {
      ...process.env,
      PILOT_DIR: join(tmpdir(), `pilotfish-check-${process.pid}`),
      PILOT_NET: `10.215.${process.pid % 250}`,
      PILOT_IF: `pfc${process.pid % 100_000}`,
      PILOT_USER: `pfcheck${process.pid}`,
    };
    const { stdout } = await promisify(execFile)(check, [], { env, timeout: 300_000, maxBuffer: 2 ** 24 });
    expect(stdout).toMatch(/^32 passed, 0 failed$/m);
  }, 310_000);
});
