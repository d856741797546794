/** What a `window` of the manifest means: by count or by time, and how far windows overlap. */
import { parseDurationMs } from '#common';
import type { Window } from '#proto';
import { durationMs, SpecProblem } from './spec-problem.ts';
import { placeholders, templateProblem } from './subject-template.ts';
import type { TriggerManifest } from './trigger-schema.ts';

type Path = readonly PropertyKey[];

/** Windows that one event may be in; each costs its own list. */
const overlapMax = 64;

/** Throws SpecProblem. */
export function resolveWindow(window: NonNullable<TriggerManifest['window']>, subject: string, path: Path): Window {
  const { key = '', count, time } = window;
  const keyProblem = key === '' ? undefined : (templateProblem(key, subject) ?? emptyKey(key));
  if (keyProblem) throw new SpecProblem([...path, 'key'], `window.key: ${keyProblem}`);
  if ((count === undefined) === (time === undefined))
    throw new SpecProblem(path, 'a window has a count or a time', 'window: { count: 100 } or window: { time: 10s }');
  return { key, ...none, ...(count === undefined ? byTime(window, path) : byCount(window, count, path)) };
}

const none = { count: 0, countSlide: 0, timeMs: 0, timeSlideMs: 0, clock: '', latenessMs: 0, timeoutMs: 0 };

function byCount(window: NonNullable<TriggerManifest['window']>, count: number, path: Path): Partial<Window> {
  const { every = count, clock, lateness, timeout } = window;
  if (typeof every !== 'number')
    throw new SpecProblem([...path, 'every'], 'with `count`, `every` is a number of events');
  if (clock !== undefined || lateness !== undefined)
    throw new SpecProblem(
      [...path, clock === undefined ? 'lateness' : 'clock'],
      '`clock` and `lateness` go with `time`',
    );
  checkSlide(every, count, String(every), path);
  return { count, countSlide: every, timeoutMs: durationMs(timeout, [...path, 'timeout'], 1) };
}

function byTime(window: NonNullable<TriggerManifest['window']>, path: Path): Partial<Window> {
  const { time = '', every = time, clock = '', lateness } = window;
  if (typeof every !== 'string') throw new SpecProblem([...path, 'every'], 'with `time`, `every` is a duration');
  if (lateness !== undefined && clock === '')
    throw new SpecProblem([...path, 'lateness'], '`lateness` needs a `clock`: by the time of storing nothing is late');
  const timeMs = durationMs(time, [...path, 'time'], 10);
  const timeSlideMs = parseDurationMs(every);
  checkSlide(timeSlideMs, timeMs, every, path);
  return {
    timeMs,
    timeSlideMs,
    clock,
    latenessMs: lateness === undefined ? 0 : durationMs(lateness, [...path, 'lateness'], 0),
  };
}

function checkSlide(every: number, whole: number, text: string, path: Path): void {
  if (every < 1) throw new SpecProblem([...path, 'every'], `"${text}" is too short: windows would never go on`);
  if (every > whole)
    throw new SpecProblem([...path, 'every'], `"${text}" is longer than the window: events between would be left out`);
  if (whole / every > overlapMax)
    throw new SpecProblem(
      [...path, 'every'],
      `each event would be in ${Math.ceil(whole / every)} windows; the most is ${overlapMax}`,
    );
}

/** Without a wildcard it would be one key for all, which is what no key means. */
function emptyKey(key: string): string | undefined {
  const tokens = key.split('.');
  return placeholders(key).length === tokens.length ? undefined : `"${key}" is not made of tokens of the subject`;
}
