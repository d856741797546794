/** What an entry of a function's `on` may say. Which of it goes together is checked in `trigger-spec.ts`. */
import { z } from 'zod';
import { httpPathPattern } from '#common';
import { count, duration, size } from './schema-units.ts';

/** No hyphen: it separates function and trigger in a consumer's name. */
export const triggerNamePattern = /^[a-z][a-z0-9]{0,30}$/;

/** G11: parts a key; a window's events are bounded alike. */
const partsMax = 65_536;
/** Subjects and headers of one filter: a consumer's filter and each event's check stay short. */
const filterEntriesMax = 32;
/** Recorded a million times faster is as fast as it goes. */
const speedMax = 1_000_000;

const gatherSchema = z
  .strictObject({
    key: z.string().describe('Which parts belong together: tokens of the subject, "{1}" or "{1}.{2}".'),
    count: z
      .union([z.int().min(1).max(partsMax), z.record(z.string(), z.int().min(0).max(partsMax))])
      .describe(
        'Distinct parts expected of all kinds together, or one number a kind. Left out where an end marker carries them.',
      )
      .optional(),
    gap: duration('A key without a new part for this long is closed.').default('10s'),
    timeout: duration('A key open for this long is closed.').default('10m'),
    onIncomplete: z
      .enum(['run', 'dlq'])
      .describe('What happens to a key that was closed before all parts came.')
      .default('dlq'),
    streaming: z
      .boolean()
      .describe('Trigger when a key opens: the function is given the parts as they come, in the order of storing.')
      .default(false),
  })
  .describe('Collect the parts of a key and trigger once.');

const windowSchema = z
  .strictObject({
    key: z
      .string()
      .describe('Events of each key have windows of their own: "{1}" or "{1}.{2}". Default: all events together.')
      .optional(),
    count: count('Events of one window.', 1, partsMax).optional(),
    time: duration('How long one window is; windows begin at multiples of `every` since 1970.').optional(),
    every: z
      .union([z.int().min(1).max(partsMax), duration('')])
      .describe('A window begins every so many events, or every so long; less than its length: windows overlap.')
      .optional(),
    clock: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'is no name of a header')
      .describe("Header with an event's own time, ISO 8601 or milliseconds. Default: when the stream stored it.")
      .optional(),
    lateness: duration('With `clock`: how long after the end of a window events of it may come.').optional(),
    timeout: duration('With `count`: a window open for this long is closed with what it has.').default('10m'),
  })
  .describe('Group events by count or time and trigger once a group.');

const filterSchema = z
  .strictObject({
    subjects: z
      .array(z.string())
      .min(1)
      .max(filterEntriesMax)
      .describe("Only events that match one of these, each within the trigger's subject.")
      .optional(),
    headers: z
      .record(z.string(), z.union([z.string(), z.array(z.string()).min(1).max(filterEntriesMax)]))
      .describe('Only events with each of these headers, and one of its values; "*" stands for any value.')
      .optional(),
  })
  .describe('Take part of the events; the others count as done.');

const cronSchema = z
  .strictObject({
    schedule: z.string().describe('Five or six fields: "*/5 * * * *"; with six, the first one is seconds.'),
    timezone: z.string().describe('IANA name of the time zone.').default('UTC'),
    missed: z
      .enum(['skip', 'last', 'all'])
      .describe('Of the fires that nobody could make in time, which are made up for.')
      .default('last'),
  })
  .describe('Trigger by the clock.');

const filesSchema = z
  .strictObject({
    directory: z.string().describe('Absolute path, on a file system that all nodes share.'),
    match: z.string().min(1).max(255).describe('File name with "*" and "?".').default('*'),
    ready: z
      .enum(['settled', 'renamed'])
      .describe('settled: size and time stay the same over two looks. renamed: files appear whole, by rename.')
      .default('settled'),
    poll: duration('How often the directory is looked at; also where inotify tells nothing, as on Lustre.').default(
      '2s',
    ),
    existing: z.boolean().describe('Files that lie there already arrive as well.').default(false),
  })
  .describe('Trigger once a file that arrives in a directory.');

const httpSchema = z
  .strictObject({
    path: z
      .string()
      .regex(httpPathPattern, 'is no path: one to eight segments of letters, digits, "-", "_", or "*"')
      .describe('Each "*" stands for one segment: "/scans/*".'),
    answer: z
      .enum(['result', 'accepted'])
      .describe("result: the function's result. accepted: 202 once the event is stored.")
      .default('accepted'),
    bodyMax: size('Largest body.').default('1MiB'),
  })
  .describe('Trigger by POST at the gateway.');

export const triggerSchema = z.strictObject({
  name: z
    .string()
    .regex(
      triggerNamePattern,
      'is no trigger name: a small letter, then small letters and digits, at most 31 characters',
    )
    .describe('Keeps its meaning when triggers are moved around. Default: on0, on1, ... by place.')
    .optional(),
  subject: z.string().describe('Events to handle; "*" stands for one token, ">" for the rest.').optional(),
  filter: filterSchema.optional(),
  from: z
    .union([z.string(), z.int().min(1)])
    .describe('Where it begins: all, new, a time (2026-11-27T04:00:00Z), or a sequence of the stream. Default: all.')
    .optional(),
  replay: z
    .number()
    .positive()
    .max(speedMax)
    .describe('Stored events come at so many times the speed at which they were stored.')
    .optional(),
  gather: gatherSchema.optional(),
  window: windowSchema.optional(),
  cron: cronSchema.optional(),
  files: filesSchema.optional(),
  http: httpSchema.optional(),
});

export type TriggerManifest = z.output<typeof triggerSchema>;
