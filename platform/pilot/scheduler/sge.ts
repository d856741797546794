/** Grid Engine: qsub, qstat -xml, qdel, and one qrsh a node. Pure. */
import { PlatformError } from '#common';
import type { CommandResult, Dialect, JobPhase, JobRequest, JobState } from './scheduler.ts';
import { clockText, directiveValue, shellQuote } from './shell-text.ts';

/** Parallel environments are the site's own; this one gives one slot a host. */
export const parallelEnvironmentDefault = 'node';

export function sge(parallelEnvironment = parallelEnvironmentDefault): Dialect {
  return {
    scheme: 'sge',
    directives: (job) => directivesOf(job, parallelEnvironment).map((line) => `#$ ${line}`),
    launch: ({ nodeScript, directory }) => launchLines(nodeScript, shellQuote(`${directory}/on-node.sh`)),
    submit: (scriptFile) => ({ argv: ['qsub', '-terse', scriptFile] }),
    parseSubmit,
    query: () => [{ argv: ['qstat', '-xml'], parse: parseQstatXml }],
    cancel: (id) => ({ argv: ['qdel', id] }),
    why: (id) => ({ argv: ['qstat', '-j', id], parse: parseQstatReason }),
  };
}

/**
 * Grid Engine warns with USR1 and USR2, sent to every process of the job's group on each host: those that know no better
 * ignore it, and one shell a host makes a TERM of it for the node script. qrsh joins its arguments again, so it is given
 * a script and a number, which no joining can break. The first host is this one: what runs there needs no qrsh.
 */
function launchLines(nodeScript: string, onNode: string): string[] {
  return [
    `cat > ${onNode} <<'END'`,
    "trap '' USR1 USR2",
    `/bin/sh ${shellQuote(nodeScript)} "$1" & pid=$!`,
    `trap 'kill -TERM $pid 2>/dev/null' TERM USR1 USR2`,
    'while kill -0 "$pid" 2>/dev/null; do wait "$pid"; done',
    'END',
    "trap '' USR1 USR2",
    'index=0; pids=',
    'while read -r host _; do',
    `  if [ "$index" = 0 ]; then /bin/sh ${onNode} 0 & first=$!`,
    `  else qrsh -inherit -nostdin "$host" /bin/sh ${onNode} "$index" & fi`,
    '  pids="$pids $!"; index=$((index + 1))',
    'done < "$PE_HOSTFILE"',
    `trap 'kill -TERM $first 2>/dev/null' TERM USR1 USR2`,
    'for pid in $pids; do while kill -0 "$pid" 2>/dev/null; do wait "$pid"; done; done',
  ];
}

function directivesOf(job: JobRequest, parallelEnvironment: string): string[] {
  const text = (mark: string, name: string, value: string | undefined) =>
    value === undefined ? [] : [`${mark} ${directiveValue(name, value)}`];
  const refused = [
    ['--reservation', job.reservation],
    ['--qos', job.qos],
    ['--constraint', job.constraint],
    ['--gpus-per-node', job.gpusPerNode],
  ].find(([, value]) => value !== undefined);
  if (refused) {
    throw new PlatformError('usage', `Grid Engine has no ${refused[0]}`, {
      hint: 'Sites name such things themselves: say it with --directive, as in --directive "-l gpu=1".',
    });
  }
  return [
    ...text('-N', 'job name', job.name),
    ...text('-wd', 'directory', job.directory),
    ...text('-o', 'output', job.outputFile),
    '-j y',
    '-S /bin/bash',
    // A grace time between the warning and the kill, where the queue grants one.
    '-notify',
    '-r n',
    `-pe ${directiveValue('parallel environment', parallelEnvironment)} ${job.nodes}`,
    ...(job.memoryPerNodeBytes === undefined ? [] : [`-l mem_free=${Math.ceil(job.memoryPerNodeBytes / 2 ** 20)}M`]),
    ...(job.walltimeMs === undefined ? [] : [`-l h_rt=${clockText(job.walltimeMs)}`]),
    ...text('-q', '--queue', job.queue),
    ...text('-P', '--project', job.project),
    ...(job.directives ?? []).map((line) => directiveValue('--directive', line)),
  ];
}

function parseSubmit({ stdout, stderr, code }: CommandResult): string {
  const id = /^\d+$/m.exec(stdout.trim())?.[0];
  if (id !== undefined) return id;
  const said =
    (stderr || stdout)
      .trim()
      .replaceAll(/\n(?:Exiting\.)?/g, ' ')
      .trim() || `exit code ${code}`;
  throw new PlatformError('invalid', `Grid Engine refused the job: ${said}`, {
    hint: 'Queues: qconf -sql. Parallel environments: qconf -spl; name one as in sge://?pe=NAME.',
  });
}

/** Throws `unavailable` where qmaster does not answer. */
export function parseQstatXml({ stdout, stderr }: CommandResult): JobState[] {
  if (!stdout.includes('<job_info')) {
    throw new PlatformError('unavailable', `Grid Engine does not answer: ${(stderr || stdout).trim()}`, {
      hint: 'Its qmaster may be away for a moment; running jobs go on.',
    });
  }
  return [...stdout.matchAll(/<job_list\b[^>]*>([\s\S]*?)<\/job_list>/g)].flatMap(([, job = '']) => {
    const id = element(job, 'JB_job_number');
    const word = element(job, 'state');
    return id === undefined || word === undefined ? [] : [{ id, phase: phaseOf(word), word, reason: reasonOf(word) }];
  });
}

/** Letters: r running, t being transferred, q queued, w waiting, h held, E error, d being deleted, R restarted, s suspended. */
function phaseOf(word: string): JobPhase {
  if (word.includes('d')) return 'ending';
  return /[qwhE]/.test(word) ? 'queued' : 'running';
}

function reasonOf(word: string): string {
  if (word.includes('E')) return 'in error state';
  return word.includes('h') ? 'held' : '';
}

/** The last words of `qstat -j` say why nothing was found. */
function parseQstatReason({ stdout }: CommandResult): string {
  const at = stdout.indexOf('scheduling info:');
  if (at < 0) return '';
  const lines = stdout.slice(at + 'scheduling info:'.length).split('\n');
  return lines.map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('queue instance')) ?? '';
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim();
}
