/** The one base under every dialect: runs what the pure functions build, and parses what comes back. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '#common';
import { renderJobScript } from './job-script.ts';
import type { RunCommand } from './run-command.ts';
import type { Dialect, HeadlessJobs, JobState, Scheduler } from './scheduler.ts';

export function createScheduler(dialect: Dialect, run: RunCommand): Scheduler {
  return {
    scheme: dialect.scheme,
    async submit(job) {
      const scriptFile = join(job.directory, 'job.sh');
      writeFileSync(scriptFile, renderJobScript(dialect, job));
      chmodSync(scriptFile, 0o700);
      return dialect.parseSubmit(await run(dialect.submit(scriptFile).argv));
    },
    async states(ids) {
      if (ids.length === 0) return new Map();
      const found = new Map((await queryStates(dialect, run, ids)).map((state) => [state.id, state]));
      const states = ids.map(async (id) => [id, await withReason(dialect, run, found.get(id) ?? gone(id))] as const);
      return new Map(await Promise.all(states));
    },
    async cancel(id) {
      await run(dialect.cancel(id).argv);
    },
    ...(dialect.headless && { requeueHeadless: requeueHeadless(dialect, dialect.headless, run) }),
  };
}

function requeueHeadless(dialect: Dialect, jobs: HeadlessJobs, run: RunCommand) {
  return async (id: string): Promise<boolean> => {
    const [state] = await queryStates(dialect, run, [id]);
    if (state?.phase !== 'running') return false;
    const { argv, parse } = jobs.firstNode(id);
    const node = parse(await run(argv));
    if (node === undefined) return false;
    const there = jobs.queryOn(node, id);
    if (there.parse(await run(there.argv)).length > 0) return false;
    const { code, stderr } = await run(jobs.requeue(id).argv);
    if (code !== 0)
      throw new PlatformError('unavailable', `job ${id} is not put back into the queue: ${stderr.trim()}`);
    return true;
  };
}

async function queryStates(dialect: Dialect, run: RunCommand, ids: readonly string[]): Promise<readonly JobState[]> {
  for (const { argv, parse } of dialect.query(ids)) {
    const states = parse(await run(argv));
    if (states !== undefined) return states;
  }
  throw new PlatformError('unavailable', `no form of ${dialect.scheme}'s answer about its jobs is understood`);
}

async function withReason(dialect: Dialect, run: RunCommand, state: JobState): Promise<JobState> {
  if (state.phase !== 'queued' || state.reason !== '' || !dialect.why) return state;
  const { argv, parse } = dialect.why(state.id);
  return { ...state, reason: parse(await run(argv)) };
}

/** Our own word: schedulers forget jobs some minutes after their end. */
export const jobGone = 'GONE';

function gone(id: string): JobState {
  return { id, phase: 'ended', word: jobGone, reason: 'the scheduler does not know it (any more)' };
}
