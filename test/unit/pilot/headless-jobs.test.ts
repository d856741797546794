/** A job that Slurm keeps without its first node goes back into the queue; one that only seems to be in trouble is left alone. */
import { describe, expect, it } from 'vitest';
import { type CommandResult, createScheduler, pbs, sge, slurm } from '../../../platform/pilot/scheduler/index.ts';

const said = (stdout: string, stderr = '', code = 0): CommandResult => ({ stdout, stderr, code });
const running = said('7|RUNNING|None|2026-11-27T04:41:23|2026-11-27T05:41:23\n');

/** A Slurm whose job ran its script on n1; `onNode` is what squeue says of that job on n1 alone. */
function slurmOf(answers: {
  readonly job?: CommandResult;
  readonly onNode: CommandResult;
  readonly requeue?: CommandResult;
}) {
  const requeued: string[] = [];
  const scheduler = createScheduler(slurm, async (argv) => {
    if (argv[0] === 'scontrol') {
      requeued.push(argv.join(' '));
      return answers.requeue ?? said('');
    }
    if (argv.includes('--format=%B')) return said('n1\n');
    if (argv.includes('--json=v0.0.40')) return said('', 'no such plugin', 1);
    return argv.includes('--nodelist=n1') ? answers.onNode : (answers.job ?? running);
  });
  return { requeued, requeue: () => scheduler.requeueHeadless?.('7') };
}

describe('requeueHeadless()', () => {
  it('puts a job back into the queue that runs without the node of its script', async () => {
    const { requeue, requeued } = slurmOf({ onNode: said('') });
    expect(await requeue()).toBe(true);
    expect(requeued).toEqual(['scontrol requeue 7']);
  });

  it.each([
    ['has that node still: only the wire is cut', { onNode: running }],
    ['waits in the queue again', { onNode: said(''), job: said('7|PENDING|BeginTime|N/A|N/A\n') }],
    ['is not known any more', { onNode: said(''), job: said('', 'Invalid job id specified', 1) }],
  ])('leaves a job alone that %s', async (_, answers) => {
    const { requeue, requeued } = slurmOf(answers);
    expect(await requeue()).toBe(false);
    expect(requeued).toEqual([]);
  });

  it('throws where Slurm does not answer, or refuses: silence says nothing of the node', async () => {
    const away = said('', 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)', 1);
    const silent = slurmOf({ onNode: away });
    await expect(silent.requeue()).rejects.toMatchObject({ code: 'unavailable' });
    expect(silent.requeued).toEqual([]);
    const refused = slurmOf({ onNode: said(''), requeue: said('', 'Requeue is disabled', 1) });
    await expect(refused.requeue()).rejects.toThrow(/job 7 is not put back into the queue: Requeue is disabled/);
  });

  it('is not there where no job lives on without its first node', () => {
    for (const dialect of [sge(), pbs('openpbs'), pbs('torque')])
      expect(createScheduler(dialect, async () => said('')).requeueHeadless).toBeUndefined();
  });
});
