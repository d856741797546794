/** What qstat prints: JSON of OpenPBS, or the text of all. Pure. */
import { z } from 'zod';
import { PlatformError } from '#common';
import type { CommandResult, JobPhase, JobState } from './scheduler.ts';

const answerSchema = z.object({
  Jobs: z
    .record(
      z.string(),
      z.object({
        job_state: z.string(),
        comment: z.string().optional(),
        stime: z.string().optional(),
        estimated: z.object({ start_time: z.string().optional() }).optional(),
        Resource_List: z.object({ walltime: z.string().optional() }).optional(),
      }),
    )
    .optional(),
});

/** Undefined where this qstat knows no JSON. OpenPBS leaves `Jobs` off where it found none. */
export function parseQstatJson(result: CommandResult): JobState[] | undefined {
  refuseSilence(result);
  const answer = answerSchema.safeParse(parseJson(result.stdout));
  if (!answer.success) return undefined;
  return Object.entries(answer.data.Jobs ?? {}).map(([id, job]) =>
    stateOf(id, {
      word: job.job_state,
      comment: job.comment,
      start: job.stime ?? job.estimated?.start_time,
      walltime: job.Resource_List?.walltime,
    }),
  );
}

/** Blocks of "Job Id: 12.server" and "    name = value" lines; a line that begins with a tab goes on with the one before. */
export function parseQstatText(result: CommandResult): JobState[] {
  refuseSilence(result);
  const blocks = result.stdout
    .replaceAll('\n\t', '')
    .split(/^Job Id: */m)
    .slice(1);
  return blocks.flatMap((block) => {
    const [id = '', ...lines] = block.split('\n');
    const values = new Map(
      lines.flatMap((line) => {
        const [, name, value = ''] = /^\s+([\w.]+) = (.*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value.trim()] as const];
      }),
    );
    const word = values.get('job_state');
    if (word === undefined) return [];
    const start = values.get('stime') ?? values.get('start_time') ?? values.get('estimated.start_time');
    return [
      stateOf(id.trim(), {
        word,
        comment: values.get('comment'),
        start,
        walltime: values.get('Resource_List.walltime'),
      }),
    ];
  });
}

/** Unknown jobs make both exit codes and complaints; a server that is away makes others. */
function refuseSilence({ stdout, stderr }: CommandResult): void {
  if (stdout.trim() !== '' || stderr.trim() === '' || /unknown job|has finished|illegal job/i.test(stderr)) return;
  if (/usage|invalid option|unrecognized option|illegal option/i.test(stderr)) return;
  throw new PlatformError('unavailable', `PBS does not answer: ${stderr.replace(/^qstat: /gm, '').trim()}`, {
    hint: 'Its server may be away for a moment; running jobs go on.',
  });
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: the caller takes the text form.
    return undefined;
  }
}
