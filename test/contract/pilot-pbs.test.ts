/**
 * PBS in both dialects against a stand-in for its commands. No real PBS has been asked: no package of one is to be had. What the
 * stand-in prints has the form of outputs that users of real ones have published; `scheduler-output.test.ts` reads those. This
 * proves that our side keeps to the documented commands, and not that a site's PBS does.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createScheduler, pbs } from '../../platform/pilot/scheduler/index.ts';
import { type RunCommand, runHere } from '../../platform/pilot/scheduler/run-command.ts';
import { processesOf } from '../harness/pilot.ts';
import { type PilotSubject, pilotCases } from './pilot-cases.ts';

const program = join(import.meta.dirname, '../fixtures/fake-pbs/fake-pbs.mjs');

describe.each(['openpbs', 'torque'] as const)('pbs:// speaks %s', (flavour) => {
  let directory = '';
  let subject: PilotSubject;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pilotfish-pbs-'));
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    for (const name of ['qsub', 'qstat', 'qdel', 'pbsdsh']) symlinkSync(program, join(bin, name));
    const path = [bin, join(process.execPath, '..'), process.env['PATH']].join(delimiter);
    const env = [`PATH=${path}`, `FAKE_PBS_DIR=${directory}`, `FAKE_PBS_FLAVOUR=${flavour}`];
    const run: RunCommand = (argv, options) => runHere(['env', ...env, ...argv], options);
    subject = {
      scheduler: createScheduler(pbs(flavour), run),
      directory,
      refused: { request: { queue: 'nowhere' }, says: /PBS refused the job: Unknown queue/ },
      unknownId: '999.pbs.test',
      knowsEnd: true,
    };
  });
  afterAll(() => {
    for (const pid of processesOf(directory)) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  pilotCases(() => subject);
});
