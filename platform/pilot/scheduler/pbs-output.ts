/**
 * What `qstat -f` prints, in OpenPBS and Torque alike. The JSON of OpenPBS is not asked for: with several ids one version tells of
 * the first alone, and exported shell functions make it no JSON at all. Pure.
 */
import { PlatformError } from '#common';
import type { CommandResult, JobPhase, JobState } from './scheduler.ts';

/**
 * Blocks of "Job Id: 12.server" and "    name = value" lines; a line that begins with a tab goes on with the one before. Jobs go
 * by the name under which they were asked for: a server that has several is free to choose another.
 */
export function parseQstat(result: CommandResult, asked: readonly string[]): JobState[] {
  refuseSilence(result);
  const blocks = result.stdout
    .replaceAll('\n\t', '')
    .split(/^Job Id: */m)
    .slice(1);
  return blocks.flatMap((block) => {
    const [id = '', ...lines] = block.split('\n');
    const values = valuesOf(lines);
    const word = values.get('job_state');
    if (word === undefined) return [];
    const start = values.get('stime') ?? values.get('start_time') ?? values.get('estimated.start_time');
    return [
      stateOf(asked.find((each) => numberOf(each) === numberOf(id)) ?? id.trim(), {
        word,
        comment: values.get('comment'),
        start,
        walltime: values.get('Resource_List.walltime'),
      }),
    ];
  });
}

/** The first of a name counts: further down, a job's environment may hold lines of shell functions that look alike. */
function valuesOf(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^\s+([\w.]+) = (.*)$/.exec(line) ?? [];
    if (name !== undefined && !values.has(name)) values.set(name, value.trim());
  }
  return values;
}

/** Unknown jobs make both exit codes and complaints; a server that is away makes others. */
function refuseSilence({ stdout, stderr }: CommandResult): void {
  if (
    stdout.trim() !== '' ||
    stderr.trim() === '' ||
    /unknown job|has finished|illegal(?:ly formed)? job/i.test(stderr)
  )
    return;
  throw new PlatformError('unavailable', `PBS does not answer: ${stderr.replace(/^qstat: /gm, '').trim()}`, {
    hint: 'Its server may be away for a moment; running jobs go on.',
  });
}

/** What no other job of the server has. */
function numberOf(id: string): string {
  return id.trim().split('.', 1)[0] ?? '';
}

interface Fields {
  readonly word: string;
  readonly comment: string | undefined;
  readonly start: string | undefined;
  readonly walltime: string | undefined;
}

function stateOf(id: string, { word, comment, start, walltime }: Fields): JobState {
  const phase = phaseOf(word);
  const startAtMs = start === undefined ? undefined : parseTime(start);
  const walltimeMs = walltime === undefined ? undefined : clockMs(walltime);
  return {
    id,
    phase,
    word,
    reason: comment ?? '',
    ...(startAtMs === undefined ? {} : { startAtMs }),
    ...(phase !== 'running' || startAtMs === undefined || walltimeMs === undefined
      ? {}
      : { endAtMs: startAtMs + walltimeMs }),
  };
}

/** Q queued, H held, W waiting, T moved, S suspended, R running, E exiting; F, C, X have ended. */
function phaseOf(word: string): JobPhase {
  if (word === 'R' || word === 'S' || word === 'B') return 'running';
  if (word === 'E') return 'ending';
  return /^[QHWTM]$/.test(word) ? 'queued' : 'ended';
}

/** "Fri Nov 27 04:41:23 2026", or seconds since 1970; asked for in UTC. */
function parseTime(text: string): number | undefined {
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(`${text} UTC`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** "01:30:00" or "5400" */
function clockMs(text: string): number | undefined {
  const parts = text.split(':').map(Number);
  if (parts.length > 3 || parts.some(Number.isNaN)) return undefined;
  return parts.reduce((sum, part) => sum * 60 + part, 0) * 1_000;
}
