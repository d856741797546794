/**
 * Hosts without a scheduler: the "job" is one process a host, started by ssh. Its id holds what is needed to find the
 * processes again: `host:pid,host:pid`. A pid is only trusted together with its block's directory in its arguments.
 */
import { formatCount, PlatformError } from '#common';
import { renderJobScript } from './job-script.ts';
import { type RunCommand, runThroughSsh } from './run-command.ts';
import type { JobRequest, JobState, Scheduler } from './scheduler.ts';
import { shellQuote } from './shell-text.ts';

/** `connect` is replaced where another user's ssh is meant. */
export function createSshScheduler(
  hosts: readonly string[],
  connect: (host: string) => RunCommand = (host) => runThroughSsh(host),
): Scheduler {
  return {
    scheme: 'ssh',
    async submit(job) {
      const chosen = chooseHosts(hosts, job);
      const started = await Promise.allSettled(
        chosen.map(async (host, index) => `${host}:${await start(connect(host), job, index)}`),
      );
      const parts = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const failure = started.find((outcome) => outcome.status === 'rejected');
      if (failure) {
        // All or none: half a block would hold hosts that nobody has been told of.
        await signal(connect, parts.join(','), 'KILL');
        throw failure.reason;
      }
      return parts.join(',');
    },
    async states(ids) {
      const states = ids.map(async (id) => [id, await stateOf(connect, id)] as const);
      return new Map(await Promise.all(states));
    },
    cancel: (id) => signal(connect, id, 'TERM'),
  };
}

function chooseHosts(hosts: readonly string[], job: JobRequest): readonly string[] {
  const refused = [job.queue, job.project, job.reservation, job.qos, job.constraint].some((each) => each !== undefined);
  if (refused) throw new PlatformError('usage', 'ssh:// has no queue, project, reservation, QOS or constraint');
  const taken = new Set((job.otherJobs ?? []).flatMap((id) => parseId(id).map(({ host }) => host)));
  const free = hosts.filter((host) => !taken.has(host));
  if (free.length >= job.nodes) return free.slice(0, job.nodes);
  throw new PlatformError(
    'no-capacity',
    `${formatCount(job.nodes, 'node')} wanted; free hosts: ${free.length} of ${hosts.length}`,
    {
      hint: 'Name more hosts: --resource ssh://a,b,c',
    },
  );
}

async function start(run: RunCommand, job: JobRequest, index: number): Promise<string> {
  const dialect = { directives: () => [], launch: () => [`exec /bin/sh ${shellQuote(job.nodeScript)} ${index}`] };
  // Each host begins when it likes, and never a second time.
  const script = renderJobScript(dialect, { ...job, staleFiles: [] });
  // A session of its own with nothing of ssh's held open, so that ssh returns; its pid is the shell's.
  const text = `cd ${shellQuote(job.directory)} && setsid /bin/bash -c ${shellQuote(script)} ${shellQuote(job.directory)} </dev/null >>${shellQuote(job.outputFile)} 2>&1 & echo $!`;
  const { stdout, stderr } = await run(['/bin/sh', '-c', text]);
  const pid = /^\d+$/m.exec(stdout.trim())?.[0];
  if (pid !== undefined) return pid;
  throw new PlatformError('unavailable', `a node could not be started by ssh: ${stderr.trim() || stdout.trim()}`);
}

async function stateOf(connect: (host: string) => RunCommand, id: string): Promise<JobState> {
  const parts = parseId(id);
  const alive = await Promise.all(
    parts.map(async ({ host, pid }) => {
      const { stdout } = await connect(host)(['cat', `/proc/${pid}/cmdline`]);
      return stdout.includes('node.sh');
    }),
  );
  const count = alive.filter(Boolean).length;
  const reason = count === parts.length ? '' : `${count} of ${parts.length} hosts run it`;
  return { id, phase: count > 0 ? 'running' : 'ended', word: count > 0 ? 'RUNNING' : 'ENDED', reason };
}

async function signal(connect: (host: string) => RunCommand, id: string, name: 'TERM' | 'KILL'): Promise<void> {
  await Promise.allSettled(
    parseId(id).map(async ({ host, pid }) => {
      const text = `grep -q node.sh /proc/${pid}/cmdline && kill -${name} ${pid}`;
      await connect(host)(['/bin/sh', '-c', text]);
    }),
  );
}

/** "a:123,b:77"; what does not parse is nobody's process. */
function parseId(id: string): { host: string; pid: number }[] {
  return id.split(',').flatMap((part) => {
    const at = part.lastIndexOf(':');
    const pid = Number(part.slice(at + 1));
    return at > 0 && Number.isSafeInteger(pid) && pid > 1 ? [{ host: part.slice(0, at), pid }] : [];
  });
}
