/** What squeue prints: JSON of 22.05 and of 23.11 and later, or text of any version. Pure. */
import { z } from 'zod';
import { PlatformError } from '#common';
import type { CommandResult, JobPhase, JobState } from './scheduler.ts';

/** Fields parted by a character that no state, reason or time holds. */
export const squeueTextFormat = '%i|%T|%r|%S|%e';

/** Newer versions wrap a number to say whether it is one. */
const numberSchema = z.union([
  z.number(),
  z.object({ set: z.boolean().optional(), infinite: z.boolean().optional(), number: z.number() }),
]);
const jobSchema = z.object({
  job_id: z.int(),
  job_state: z.union([z.string(), z.array(z.string())]),
  state_reason: z.string().optional(),
  start_time: numberSchema.optional(),
  end_time: numberSchema.optional(),
});
/** Errors beside an empty list: the controller was not heard. */
const answerSchema = z.object({ jobs: z.array(z.unknown()), errors: z.array(z.unknown()).max(0).optional() });

const queuedWords = new Set([
  'PENDING',
  'CONFIGURING',
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'RESV_DEL_HOLD',
  'SPECIAL_EXIT',
]);
const runningWords = new Set(['RUNNING', 'SUSPENDED', 'STOPPED', 'RESIZING', 'SIGNALING']);
const endingWords = new Set(['COMPLETING', 'STAGE_OUT']);

/** Undefined where the answer is no JSON of squeue's: an old version, or a plugin that is missing. */
export function parseSqueueJson(result: CommandResult, ids: readonly string[]): JobState[] | undefined {
  const answer = answerSchema.safeParse(parseJson(result.stdout));
  if (!answer.success) return undefined;
  const wanted = new Set(ids);
  const jobs = answer.data.jobs.map((job) => jobSchema.safeParse(job));
  if (jobs.some(({ success }) => !success)) return undefined;
  return jobs.flatMap(({ data }) => {
    // 22.05 lists every job of the site.
    if (!data || !wanted.has(String(data.job_id))) return [];
    const words = [data.job_state].flat();
    const times = { startAtMs: seconds(data.start_time), endAtMs: seconds(data.end_time) };
    return [stateOf(String(data.job_id), words, data.state_reason ?? '', times)];
  });
}

/** Throws `unavailable` where the controller does not answer. An unknown id is left out, whatever the exit code says. */
export function parseSqueueText({ stdout, stderr }: CommandResult): JobState[] {
  if (stdout.trim() === '' && stderr.trim() !== '' && !/invalid job id/i.test(stderr)) {
    throw new PlatformError(
      'unavailable',
      `Slurm does not answer: ${stderr.replace(/^\w+: (?:error: )?/gm, '').trim()}`,
      {
        hint: 'Its controller may be away for a moment; running jobs go on.',
      },
    );
  }
  return stdout.split('\n').flatMap((line) => {
    const [id = '', word = '', reason = '', start = '', end = ''] = line.trim().split('|');
    if (!/^\d+$/.test(id) || word === '') return [];
    return [stateOf(id, [word], reason, { startAtMs: utcTime(start), endAtMs: utcTime(end) })];
  });
}

interface Times {
  readonly startAtMs: number | undefined;
  readonly endAtMs: number | undefined;
}

function stateOf(id: string, words: readonly string[], reason: string, times: Times): JobState {
  const { startAtMs, endAtMs } = times;
  const phase = phaseOf(words);
  return {
    id,
    phase,
    word: words.join('+'),
    reason: reason === 'None' ? '' : reason,
    ...(startAtMs === undefined ? {} : { startAtMs }),
    ...(endAtMs === undefined || phase === 'queued' ? {} : { endAtMs }),
  };
}

/** A flag such as COMPLETING beside the base state counts more than that. */
function phaseOf(words: readonly string[]): JobPhase {
  if (words.some((word) => endingWords.has(word))) return 'ending';
  if (words.some((word) => queuedWords.has(word))) return 'queued';
  return words.some((word) => runningWords.has(word)) ? 'running' : 'ended';
}

/** Seconds since 1970 as milliseconds; 0 and "not set" mean unknown. */
function seconds(value: z.infer<typeof numberSchema> | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return value > 0 ? value * 1_000 : undefined;
  return value.set === false || value.infinite === true || value.number <= 0 ? undefined : value.number * 1_000;
}

/** "2026-11-27T04:41:23", asked for in UTC; "N/A" and "Unknown" are none. */
function utcTime(text: string): number | undefined {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: the caller takes the text form.
    return undefined;
  }
}
