/** A window trigger's manifest, compiled: the key of a subject, the time of an event, and which windows it is in. */
import { PlatformError } from '#common';
import { compileTemplate } from '#model';
import type { Trigger } from '#proto';
import { compileFilter, type EventFilter } from '../event-filter.ts';
import { compileGather } from '../gather/gather-rules.ts';

/** The key of a window that is for all events. */
const wholeKey = 'all';

export interface WindowRules {
  readonly pattern: string;
  readonly keyOf: (subject: string) => string;
  /** The pattern with the key's wildcards filled in. */
  readonly partsSubjectOf: (subject: string) => string;
  readonly filter: EventFilter | undefined;
  /** Events of one window, and from the beginning of one to the next; 0 for windows by time. */
  readonly count: number;
  readonly countSlide: number;
  readonly timeMs: number;
  readonly timeSlideMs: number;
  /** Header with an event's own time; empty: when the stream stored it. */
  readonly clock: string;
  readonly latenessMs: number;
  readonly timeoutMs: number;
  /** An event's own headers decide: those of a member of a pack lie in the payload, which is not read. */
  readonly asksHeaders: boolean;
}

/** Throws `invalid` for a key that does not name its events' subject. */
export function compileWindow(trigger: Trigger): WindowRules {
  const { window, subject, filter } = trigger;
  if (!window) throw new PlatformError('internal', `trigger "${trigger.name}" has no windows`);
  const { key, ...sizes } = window;
  const gather = { key, counts: {}, gapMs: 0, timeoutMs: 0, onIncomplete: 'run', streaming: false };
  const keyed = key === '' ? undefined : compileGather({ ...trigger, gather });
  return {
    ...sizes,
    clock: sizes.clock.toLowerCase(),
    pattern: subject,
    keyOf: keyed?.keyOf ?? (() => wholeKey),
    partsSubjectOf: keyed?.partsSubjectOf ?? compileTemplate(subject, subject),
    filter: compileFilter(filter),
    asksHeaders: sizes.clock !== '' || (filter?.headers.length ?? 0) > 0,
  };
}

/** Starts of the windows that hold a time, ascending; windows begin at multiples of the slide since 1970. */
export function windowStarts(timeMs: number, { timeMs: lengthMs, timeSlideMs }: WindowRules): number[] {
  const starts: number[] = [];
  for (let start = Math.floor(timeMs / timeSlideMs) * timeSlideMs; start > timeMs - lengthMs; start -= timeSlideMs)
    starts.push(start);
  return starts.reverse();
}
