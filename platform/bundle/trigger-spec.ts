/** Turns one entry of a function's `on` into the trigger that the pilot keeps: one source of events each, and what goes with it. */
import { isAbsolute, normalize } from 'node:path';
import { Cron } from 'croner';
import {
  cronSubject,
  fileSubject,
  gatewayPathsText,
  httpSubject,
  isGatewayPath,
  messageOf,
  parseSizeBytes,
} from '#common';
import { anyKind } from '#model';
import { Trigger, type TriggerFilter, type TriggerStart } from '#proto';
import { durationMs, SpecProblem } from './spec-problem.ts';
import { placeholders, subjectProblem, subjectWithin, templateProblem } from './subject-template.ts';
import type { TriggerManifest } from './trigger-schema.ts';
import { resolveWindow } from './window-spec.ts';

type Path = readonly PropertyKey[];

/** Kinds are header values and map keys. */
const partKindPattern = /^[a-z][a-z0-9-]{0,30}$/;

/** An event through HTTP is stored whole, and a message holds no more. */
const bodyBytesMax = 15 * 10 ** 6;
/** A shared directory that is listed more often than this is a load on everybody. */
const pollMsMin = 100;

const timePattern = /^\d{4}-\d\d-\d\dT/;
const zonePattern = /(Z|[+-]\d\d:?\d\d)$/;

/** What an entry may be triggered by; exactly one of them. */
const sources = ['subject', 'cron', 'files', 'http'] as const;
/** What else may stand there only beside a subject. */
const withSubject = ['filter', 'from', 'replay', 'gather', 'window'] as const;

/** Throws SpecProblem. */
export function resolveTrigger(functionName: string, trigger: TriggerManifest, at: number): Trigger {
  const path = ['on', at];
  const name = trigger.name ?? `on${at}`;
  const given = sources.filter((source) => trigger[source] !== undefined);
  if (given.length !== 1) {
    const message =
      given.length === 0
        ? 'a trigger needs a source of events'
        : `a trigger has one source, not ${given.join(' and ')}`;
    throw new SpecProblem(
      given[1] === undefined ? path : [...path, given[1]],
      message,
      `One of: ${sources.join(', ')}.`,
    );
  }
  const stray = withSubject.find((key) => trigger[key] !== undefined);
  if (trigger.subject === undefined && stray)
    throw new SpecProblem([...path, stray], `"${stray}" belongs to a subject`);
  const own = { name, ...sourceOf(functionName, name, trigger, path) };
  return Trigger.fromPartial(own);
}

function sourceOf(functionName: string, name: string, trigger: TriggerManifest, path: Path): Partial<Trigger> {
  const { subject, cron, files, http } = trigger;
  if (subject !== undefined) return resolveSubject(subject, trigger, path);
  if (cron) return { subject: cronSubject(functionName, name), cron: checkCron(cron, [...path, 'cron']) };
  if (files) return { subject: fileSubject(functionName, name, '*'), files: resolveFiles(files, [...path, 'files']) };
  if (http) {
    const wildcards = http.path.split('/').filter((segment) => segment === '*');
    return { subject: httpSubject(functionName, name, wildcards), http: resolveHttp(http, [...path, 'http']) };
  }
  return {};
}

function resolveSubject(subject: string, trigger: TriggerManifest, path: Path): Partial<Trigger> {
  const wrong = subjectProblem(subject);
  if (wrong)
    throw new SpecProblem([...path, 'subject'], wrong, 'Tokens are letters, digits, "-" and "_", joined by dots.');
  const { gather, window, filter, from, replay } = trigger;
  if (gather && window) throw new SpecProblem([...path, 'window'], 'a trigger gathers or has windows, not both');
  const collects = gather ? 'gather' : 'window';
  if (gather || window) {
    // Their reader begins at its own watermark, and folds what is stored as fast as it can.
    for (const [key, value] of Object.entries({ from, replay })) {
      if (value !== undefined) throw new SpecProblem([...path, key], `"${key}" does not go with ${collects}`);
    }
  }
  if (gather && filter) throw new SpecProblem([...path, 'filter'], '"filter" does not go with gather');
  return {
    subject,
    ...(filter ? { filter: resolveFilter(filter, subject, [...path, 'filter']) } : {}),
    ...(from === undefined ? {} : { start: resolveStart(from, [...path, 'from']) }),
    replaySpeed: replay ?? 0,
    ...(gather ? { gather: resolveGather(gather, subject, [...path, 'gather']) } : {}),
    ...(window ? { window: resolveWindow(window, subject, [...path, 'window']) } : {}),
  };
}

function resolveGather(
  { key, count, gap, timeout, onIncomplete, streaming }: NonNullable<TriggerManifest['gather']>,
  subject: string,
  path: Path,
): NonNullable<Trigger['gather']> {
  const keyProblem = templateProblem(key, subject) ?? keyWithoutToken(key);
  if (keyProblem) throw new SpecProblem([...path, 'key'], `gather.key: ${keyProblem}`);
  const byKind = typeof count === 'number' ? {} : (count ?? {});
  const oddKind = Object.keys(byKind).find((kind) => !partKindPattern.test(kind));
  if (oddKind !== undefined) throw new SpecProblem([...path, 'count'], `"${oddKind}" is no kind of part`);
  const gapMs = durationMs(gap, [...path, 'gap'], 1);
  const timeoutMs = durationMs(timeout, [...path, 'timeout'], 1);
  const counts = typeof count === 'number' ? { [anyKind]: count } : byKind;
  return { key, counts, gapMs, timeoutMs, onIncomplete, streaming };
}

/** G7: the key is made of subject tokens; a constant would put all events under one key. */
export function keyWithoutToken(key: string): string | undefined {
  return placeholders(key).length > 0
    ? undefined
    : `"${key}" names no token of the subject; write "{1}" for the first "*"`;
}

function resolveFilter(filter: NonNullable<TriggerManifest['filter']>, subject: string, path: Path): TriggerFilter {
  const subjects = filter.subjects ?? [];
  for (const [at, narrow] of subjects.entries()) {
    const wrong = subjectProblem(narrow) ?? subjectWithin(narrow, subject);
    if (wrong) throw new SpecProblem([...path, 'subjects', at], wrong);
    // The server refuses overlapping filters: an event would match twice.
    const twin = subjects
      .slice(0, at)
      .find((other) => subjectWithin(narrow, other) === undefined || subjectWithin(other, narrow) === undefined);
    if (twin) throw new SpecProblem([...path, 'subjects', at], `"${narrow}" and "${twin}" overlap`);
  }
  const headers = Object.entries(filter.headers ?? {}).map(([name, value]) => {
    if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name))
      throw new SpecProblem([...path, 'headers', name], `"${name}" is no header`);
    const values = [value].flat();
    return { name, values: values.includes('*') ? [] : values };
  });
  if (subjects.length + headers.length === 0) throw new SpecProblem(path, 'a filter names subjects or headers');
  return { subjects, headers };
}

function resolveStart(from: string | number, path: Path): TriggerStart | undefined {
  if (from === 'all') return undefined;
  if (from === 'new') return { at: { $case: 'new', new: true } };
  if (typeof from === 'number') return { at: { $case: 'sequence', sequence: from } };
  if (/^\d+$/.test(from))
    throw new SpecProblem(path, `"${from}" is a text`, 'Without quotes it is a sequence of the stream.');
  const timeMs = Date.parse(from);
  // A time without its zone would be another one on each machine that deploys it.
  if (timePattern.test(from) && !zonePattern.test(from) && !Number.isNaN(timeMs))
    throw new SpecProblem(path, `"${from}" says no time zone`, `Add Z for UTC, or an offset: ${from}Z.`);
  if (!timePattern.test(from) || Number.isNaN(timeMs) || timeMs < 0)
    throw new SpecProblem(
      path,
      `"${from}" is no beginning`,
      'One of: all, new, a time like 2026-11-27T04:00:00Z, or a sequence of the stream.',
    );
  return { at: { $case: 'timeMs', timeMs } };
}

function checkCron(cron: NonNullable<TriggerManifest['cron']>, path: Path): NonNullable<TriggerManifest['cron']> {
  try {
    new Intl.DateTimeFormat('en', { timeZone: cron.timezone });
  } catch {
    throw new SpecProblem([...path, 'timezone'], `"${cron.timezone}" is no time zone`, 'Like UTC or Europe/Berlin.');
  }
  try {
    const job = new Cron(cron.schedule, { paused: true, timezone: cron.timezone });
    if (/^\d{4}-/.test(cron.schedule) || !job.nextRun()) throw new Error('it never fires again');
  } catch (error) {
    throw new SpecProblem([...path, 'schedule'], `"${cron.schedule}" is no schedule: ${messageOf(error)}`);
  }
  return cron;
}

function resolveFiles(files: NonNullable<TriggerManifest['files']>, path: Path): NonNullable<Trigger['files']> {
  const { directory, match, ready, existing } = files;
  if (!isAbsolute(directory) || normalize(directory) !== directory || directory === '/')
    throw new SpecProblem([...path, 'directory'], `"${directory}" is no absolute path of a directory`);
  if (match.includes('/')) throw new SpecProblem([...path, 'match'], 'files.match is a name, not a path');
  return { directory, match, ready, existing, pollMs: durationMs(files.poll, [...path, 'poll'], pollMsMin) };
}

function resolveHttp(http: NonNullable<TriggerManifest['http']>, path: Path): NonNullable<Trigger['http']> {
  if (isGatewayPath(http.path))
    throw new SpecProblem([...path, 'path'], `"${http.path}" is taken: ${gatewayPathsText}`);
  const bytes = parseSizeBytes(http.bodyMax);
  // An answer takes the way of an invocation, which is bounded closer.
  const most = http.answer === 'result' ? 8 * 2 ** 20 : bodyBytesMax;
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > most)
    throw new SpecProblem([...path, 'bodyMax'], `"${http.bodyMax}" is out of range; the most is ${most} bytes`);
  return { path: http.path, answer: http.answer, bodyBytesMax: bytes };
}
