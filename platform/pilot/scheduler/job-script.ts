/** The two scripts of a job: one that the scheduler runs once, one that runs on each node. Pure; every value is quoted. */
import type { Dialect, JobRequest } from './scheduler.ts';
import { shellQuote } from './shell-text.ts';

export function renderJobScript(dialect: Pick<Dialect, 'directives' | 'launch'>, job: JobRequest): string {
  const environment = Object.entries(job.environment ?? {}).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}`,
  );
  return `${[
    '#!/bin/bash',
    ...dialect.directives(job),
    // The job's own start on its own clock: the walltime counts from here where the scheduler cannot be asked.
    `date +%s.%N > ${shellQuote(`${job.directory}/started`)}`,
    // Whoever submitted it may have been killed before the answer was written down.
    `echo "\${SLURM_JOB_ID:-\${JOB_ID:-$PBS_JOBID}}" > ${shellQuote(`${job.directory}/own-job`)}`,
    ...(job.staleFiles ?? []).map((path) => `rm -f ${shellQuote(path)}`),
    ...moduleLines(job.modules ?? []),
    ...environment,
    ...dialect.launch(job),
  ].join('\n')}\n`;
}

/** `module` is a shell function that only login shells have, on most sites. */
function moduleLines(modules: readonly string[]): string[] {
  if (modules.length === 0) return [];
  return [
    'type module >/dev/null 2>&1 || . /etc/profile',
    ...modules.map((name) => `module load ${shellQuote(name)} || exit 1`),
  ];
}

export interface NodeScript {
  /** The staged copy of the platform on the shared file system. */
  readonly stage: string;
  /** Names the copy: nodes keep their Node under it. */
  readonly digest: string;
  readonly blockDirectory: string;
  /** Where each node's launcher writes, in the order of places. */
  readonly logFiles: readonly string[];
}

/**
 * Copies Node to the node's own disk, because a hundred nodes that page one file in from a shared file system start
 * slowly, and runs the launcher in a session of its own: a scheduler's TERM reaches the launcher through this script,
 * and not at the same time the broker, which must outlive the agents.
 */
export function renderNodeScript({ stage, digest, blockDirectory, logFiles }: NodeScript): string {
  return `#!/bin/sh
umask 077
index=$1
set -- ${logFiles.map(shellQuote).join(' ')}
shift "$index"
log=$1
stage=${shellQuote(stage)}
local="\${TMPDIR:-/tmp}/pilotfish-node-$(id -u)-${digest}-$$"
node=$stage/bin/node
if mkdir -m 700 "$local" 2>/dev/null && cp "$stage/bin/node" "$local/node" 2>/dev/null; then node=$local/node; fi
export PILOTFISH_NATS_SERVER="$stage/bin/nats-server" NODE_COMPILE_CACHE="$stage/code-cache"
setsid "$node" "$stage/dist/launcher.mjs" --block ${shellQuote(blockDirectory)} --index "$index" >>"$log" 2>&1 &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' TERM INT HUP
# A trapped signal ends a wait; the launcher is waited for again until it has ended.
while kill -0 "$pid" 2>/dev/null; do wait "$pid"; code=$?; done
rm -rf "$local"
exit "\${code:-1}"
`;
}
