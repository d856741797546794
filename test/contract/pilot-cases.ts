/** What every batch system must do for a pilot: one suite, run against each. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobRequest, Scheduler } from '../../platform/pilot/scheduler/index.ts';
import { eventually } from '../harness/eventually.ts';

export interface PilotSubject {
  readonly scheduler: Scheduler;
  /** On the file system that the nodes share; the jobs' user may write there. */
  readonly directory: string;
  /** What the scheduler refuses, and a word of its complaint. */
  readonly refused: { readonly request: Partial<JobRequest>; readonly says: RegExp };
  /** An id of the right form that no job has. */
  readonly unknownId: string;
  /** Tells when the job ends by its walltime. */
  readonly knowsEnd: boolean;
}

const waitMs = 60_000;

export function pilotCases(subject: () => PilotSubject): void {
  let count = 0;

  /** A job whose node script writes its place to `place-<n>`, and `ended-<n>` when it is told to end. */
  function job(name: string, nodes: number, body: string, more: Partial<JobRequest> = {}): JobRequest {
    const directory = join(subject().directory, `${name}-${++count}`);
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    const nodeScript = join(directory, 'node.sh');
    writeFileSync(nodeScript, `cd '${directory}'\ntouch "place-$1"\n${body}\n`);
    chmodSync(nodeScript, 0o755);
    return { name, nodes, directory, outputFile: join(directory, 'output.log'), nodeScript, ...more };
  }

  const files = (directory: string, prefix: string) =>
    readdirSync(directory)
      .filter((name) => name.startsWith(prefix))
      .sort();
  const state = async (id: string) => (await subject().scheduler.states([id])).get(id);
  const until = (id: string, phase: string) =>
    eventually(async () => (await state(id))?.phase === phase, { timeoutMs: waitMs, what: `job ${id} is ${phase}` });
  /** Writes `ready-<n>` once it can be told. */
  const waitForTerm = 'trap "touch ended-$1; exit 0" TERM\ntouch "ready-$1"\nwhile :; do sleep 0.1; done';

  test('a job runs its node script once on each node, with its place, and ends with the last one', async () => {
    const request = job('places', 3, 'while [ ! -e go ]; do sleep 0.1; done');
    const id = await subject().scheduler.submit(request);
    await eventually(() => files(request.directory, 'place-').length === 3, {
      timeoutMs: waitMs,
      what: 'three places',
    });
    await until(id, 'running');
    expect(existsSync(join(request.directory, 'started')), 'the time of the start is written').toBe(true);
    expect(
      Math.abs(Number(readFileSync(join(request.directory, 'started'), 'utf8')) - Date.now() / 1_000),
    ).toBeLessThan(120);
    writeFileSync(join(request.directory, 'go'), '');
    await until(id, 'ended');
    expect(files(request.directory, 'place-')).toEqual(['place-0', 'place-1', 'place-2']);
  });

  test('a cancelled job is told with TERM on every node, and is gone', async () => {
    const request = job('cancel', 2, waitForTerm);
    const id = await subject().scheduler.submit(request);
    const ready = () => files(request.directory, 'ready-').length === 2;
    await eventually(ready, { timeoutMs: waitMs, what: 'both are ready to be told' });
    await subject().scheduler.cancel(id);
    await until(id, 'ended');
    expect(files(request.directory, 'ended-')).toEqual(['ended-0', 'ended-1']);
  });

  test('values with blanks, quotes and dollars reach the nodes as they are', async () => {
    const value = `a "b" 'c' $HOME \`d\` ; e`;
    const request = job('quoting', 1, 'printf "%s" "$PILOTFISH_TEST" > value.new; mv value.new value', {
      environment: { PILOTFISH_TEST: value },
    });
    const id = await subject().scheduler.submit(request);
    await until(id, 'ended');
    // Grid Engine, Slurm and ssh hand the environment on by themselves or not at all: the script must not count on it.
    const seen = existsSync(join(request.directory, 'value'))
      ? readFileSync(join(request.directory, 'value'), 'utf8')
      : '';
    expect(seen).toBe(value);
  });

  test('several jobs are asked about at once; one that nobody knows is ended, and ending it again harms nothing', async () => {
    const { scheduler, unknownId } = subject();
    const request = job('known', 1, waitForTerm);
    const id = await scheduler.submit(request);
    await eventually(() => files(request.directory, 'place-').length === 1, { timeoutMs: waitMs, what: 'its place' });
    const states = await scheduler.states([id, unknownId]);
    expect(states.get(id)?.phase).toBe('running');
    expect(states.get(unknownId)?.phase).toBe('ended');
    await scheduler.cancel(unknownId);
    await scheduler.cancel(id);
    await until(id, 'ended');
    await scheduler.cancel(id);
    expect(await scheduler.states([])).toEqual(new Map());
  });

  test('a refused job says so in the words of the scheduler', async () => {
    const { scheduler, refused } = subject();
    const submitted = scheduler.submit(job('refused', 1, 'true', refused.request));
    await expect(submitted).rejects.toThrow(refused.says);
    await expect(submitted).rejects.toMatchObject({ code: expect.stringMatching(/^(?:invalid|usage|no-capacity)$/) });
  });

  test('a job with a walltime tells when it ends', async ({ skip }) => {
    if (!subject().knowsEnd) skip('this scheduler does not tell; the time of the start and what was asked for say it');
    const request = job('walltime', 1, waitForTerm, { walltimeMs: 10 * 60_000 });
    const id = await subject().scheduler.submit(request);
    await until(id, 'running');
    const end = (await state(id))?.endAtMs ?? 0;
    expect(end - Date.now()).toBeGreaterThan(8 * 60_000);
    expect(end - Date.now()).toBeLessThan(12 * 60_000);
    await subject().scheduler.cancel(id);
    await until(id, 'ended');
  });
}
