/** Slurm: sbatch, squeue, scancel, and one srun a job. Pure. */
import { PlatformError } from '#common';
import type { CommandResult, Dialect, JobRequest } from './scheduler.ts';
import { clockText, directiveValue, mebibytes, shellQuote } from './shell-text.ts';
import { parseSqueueJson, parseSqueueText, squeueTextFormat } from './slurm-output.ts';

const minuteMs = 60_000;

/** Times in UTC, in a form that no site's setting changes. */
const plainTimes = ['env', 'TZ=UTC', 'SLURM_TIME_FORMAT=standard'];

export const slurm: Dialect = {
  scheme: 'slurm',
  directives: (job) => directivesOf(job).map((line) => `#SBATCH ${line}`),
  launch: ({ nodeScript }) => [
    // One step for all nodes, one process a node. It outlives a lost node, and takes the whole grant of each.
    `srun --ntasks-per-node=1 --cpus-per-task="\${SLURM_CPUS_PER_TASK:-\${SLURM_CPUS_ON_NODE:-1}}" --mem=0 \\`,
    `  --no-kill --kill-on-bad-exit=0 --wait=0 /bin/sh -c 'exec /bin/sh "$0" "$SLURM_NODEID"' ${shellQuote(nodeScript)}`,
  ],
  submit: (scriptFile) => ({ argv: ['sbatch', '--parsable', scriptFile] }),
  parseSubmit,
  query: (ids) => [
    // Newer ones answer for the jobs that are named; 22.05 would list the whole site, which is left to its text form.
    {
      argv: [...plainTimes, 'squeue', '--json=v0.0.40', '--states=all', `--jobs=${ids.join(',')}`],
      parse: (result) => parseSqueueJson(result, ids),
    },
    { argv: squeueText(ids), parse: parseSqueueText },
  ],
  cancel: (id) => ({ argv: ['scancel', id] }),
  headless: {
    firstNode: (id) => ({
      argv: ['squeue', '--noheader', `--jobs=${id}`, '--format=%B'],
      parse: ({ stdout }) => /^[\w.-]+$/.exec(stdout.trim())?.[0],
    }),
    queryOn: (node, id) => ({ argv: squeueText([id], `--nodelist=${node}`), parse: parseSqueueText }),
    requeue: (id) => ({ argv: ['scontrol', 'requeue', id] }),
  },
};

function squeueText(ids: readonly string[], ...more: readonly string[]): string[] {
  const jobs = ['--noheader', '--states=all', `--jobs=${ids.join(',')}`];
  return [...plainTimes, 'squeue', ...jobs, ...more, `--format=${squeueTextFormat}`];
}

function directivesOf(job: JobRequest): string[] {
  const text = (name: string, value: string | undefined) =>
    value === undefined ? [] : [`--${name}=${directiveValue(name, value)}`];
  return [
    ...text('job-name', job.name),
    ...text('chdir', job.directory),
    ...text('output', job.outputFile),
    // After a requeue the first run's words are still wanted.
    '--open-mode=append',
    `--nodes=${job.nodes}`,
    '--ntasks-per-node=1',
    ...(job.coresPerNode === undefined ? ['--exclusive'] : [`--cpus-per-task=${job.coresPerNode}`]),
    ...(job.memoryPerNodeBytes === undefined ? [] : [`--mem=${mebibytes(job.memoryPerNodeBytes)}M`]),
    ...(job.gpusPerNode === undefined ? [] : [`--gres=gpu:${job.gpusPerNode}`]),
    ...(job.walltimeMs === undefined ? [] : [`--time=${clockText(job.walltimeMs, minuteMs)}`]),
    // A lost node ends what ran there and nothing else. One that held the only broker: see headless.
    '--no-kill',
    '--requeue',
    ...text('partition', job.queue),
    ...text('account', job.project),
    ...text('reservation', job.reservation),
    ...text('qos', job.qos),
    ...text('constraint', job.constraint),
    ...(job.directives ?? []).map((line) => directiveValue('--directive', line)),
  ];
}

/** "123" or "123;cluster". */
function parseSubmit({ stdout, stderr, code }: CommandResult): string {
  const id = /^(\d+)(?:;\S+)?$/m.exec(stdout.trim())?.[1];
  if (id !== undefined) return id;
  const said = (stderr || stdout).replace(/^sbatch: (?:error: )?/gm, '').trim() || `exit code ${code}`;
  throw new PlatformError('invalid', `Slurm refused the job: ${said}`, {
    hint: 'Partitions and their limits: sinfo. Say which with --queue, --walltime, --project.',
  });
}
