/** PBS in its two dialects, OpenPBS (also PBS Professional) and Torque: qsub, qstat, qdel, pbsdsh. Pure. */
import { PlatformError } from '#common';
import { parseQstat } from './pbs-output.ts';
import type { CommandResult, Dialect, JobRequest } from './scheduler.ts';
import { clockText, directiveValue, mebibytes, shellQuote } from './shell-text.ts';

export type PbsFlavour = 'openpbs' | 'torque';

export function pbs(flavour: PbsFlavour): Dialect {
  const torque = flavour === 'torque';
  return {
    scheme: 'pbs',
    directives: (job) => directivesOf(job, torque).map((line) => `#PBS ${line}`),
    launch: ({ nodeScript, directory }) => [
      // pbsdsh starts with a bare environment and counts from 0 in PBS_NODENUM, on Torque once a core without -u.
      `cat > ${shellQuote(`${directory}/on-node.sh`)} <<'END'`,
      `exec /bin/sh ${shellQuote(nodeScript)} "$PBS_NODENUM"`,
      'END',
      `pbsdsh ${torque ? '-u ' : '-- '}/bin/sh ${shellQuote(`${directory}/on-node.sh`)}`,
    ],
    submit: (scriptFile) => ({ argv: ['qsub', scriptFile] }),
    parseSubmit,
    query: (ids) => [
      // -x: also those that have ended. Torque means XML by it, and keeps them for a while.
      {
        argv: ['env', 'TZ=UTC', 'qstat', ...(torque ? [] : ['-x']), '-f', ...ids],
        parse: (result) => parseQstat(result, ids),
      },
    ],
    cancel: (id) => ({ argv: ['qdel', id] }),
  };
}

function directivesOf(job: JobRequest, torque: boolean): string[] {
  const text = (mark: string, name: string, value: string | undefined) =>
    value === undefined ? [] : [`${mark}${directiveValue(name, value)}`];
  if (torque && job.qos === undefined && job.reservation !== undefined) {
    throw new PlatformError('usage', 'Torque has no --reservation of its own', {
      hint: 'Its scheduler has: say it with --directive, as in --directive "-W x=FLAGS:ADVRES:name".',
    });
  }
  return [
    ...text('-N ', 'job name', job.name),
    ...(torque ? text('-d ', 'directory', job.directory) : []),
    ...text('-o ', 'output', job.outputFile),
    '-j oe',
    '-r y',
    torque ? torqueNodes(job) : selectOf(job),
    ...(torque ? [] : ['-l place=scatter']),
    ...(job.walltimeMs === undefined ? [] : [`-l walltime=${clockText(job.walltimeMs)}`]),
    ...text('-q ', '--queue', job.queue ?? (torque ? undefined : job.reservation)),
    ...text(torque ? '-A ' : '-P ', '--project', job.project),
    ...text('-l qos=', '--qos', job.qos),
    ...(job.directives ?? []).map((line) => directiveValue('--directive', line)),
  ];
}

/** "-l select=3:ncpus=8:mem=1024mb:ngpus=2:feature" */
function selectOf(job: JobRequest): string {
  return [
    `-l select=${job.nodes}`,
    ...(job.coresPerNode === undefined ? [] : [`ncpus=${job.coresPerNode}`]),
    ...(job.memoryPerNodeBytes === undefined ? [] : [`mem=${mebibytes(job.memoryPerNodeBytes)}mb`]),
    ...(job.gpusPerNode === undefined ? [] : [`ngpus=${job.gpusPerNode}`]),
    ...(job.constraint === undefined ? [] : [directiveValue('--constraint', job.constraint)]),
  ].join(':');
}

/** "-l nodes=3:ppn=8:gpus=2:feature" */
function torqueNodes(job: JobRequest): string {
  return [
    `-l nodes=${job.nodes}`,
    `ppn=${job.coresPerNode ?? 1}`,
    ...(job.gpusPerNode === undefined ? [] : [`gpus=${job.gpusPerNode}`]),
    ...(job.constraint === undefined ? [] : [directiveValue('--constraint', job.constraint)]),
  ].join(':');
}

/** "123.server" or "123" */
function parseSubmit({ stdout, stderr, code }: CommandResult): string {
  const id = /^\d+(?:\.[\w.-]+)?$/m.exec(stdout.trim())?.[0];
  if (id !== undefined) return id;
  const said = (stderr || stdout).replace(/^qsub: /gm, '').trim() || `exit code ${code}`;
  throw new PlatformError('invalid', `PBS refused the job: ${said}`, { hint: 'Queues and their limits: qstat -Qf.' });
}
