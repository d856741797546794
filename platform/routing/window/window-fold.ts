/** Folds a stream's headers into windows and closes each once. Pure, like the fold of gathers, and run by the same owner. */

import { messageOf, traceOf } from '#common';
import { describedMembers, packHeader } from '#packs';
import type { GatherSummary } from '../gather/gather-event.ts';
import type { FoldCounts, FoldEffect, StoredPart, StreamFold } from '../gather/gather-fold.ts';
import { openBytesShareMax, openKeysMax } from '../gather/limits.ts';
import type { ClosedKey } from '../gather/open-key.ts';
import { CountWindows } from './count-windows.ts';
import { placeOf } from './place.ts';
import { type TimedResult, TimeWindows } from './time-windows.ts';
import type { WindowRules } from './window-rules.ts';

/** An event whose own clock is ahead of the broker's by more than this would close the windows of all others. */
const aheadMsMax = 3_600_000;
const messageIdHeader = 'nats-msg-id';

export class WindowFold implements StreamFold {
  readonly counts: FoldCounts = { parts: 0, doubles: 0, late: 0, refused: 0 };
  readonly #rules: WindowRules;
  readonly #counted: CountWindows | undefined;
  readonly #timed: TimeWindows | undefined;
  readonly #openBytesMax: number;
  #lastFolded = 0;

  /** `streamBytesMax`: what the stream may hold; open windows may hold half of it. */
  constructor(rules: WindowRules, streamBytesMax: number) {
    this.#rules = rules;
    this.#counted = rules.count > 0 ? new CountWindows(rules) : undefined;
    this.#timed = rules.count > 0 ? undefined : new TimeWindows(rules);
    this.#openBytesMax = streamBytesMax * openBytesShareMax;
  }

  get openKeys(): number {
    return (this.#counted ?? this.#timed)?.size ?? 0;
  }

  open(): [] {
    return [];
  }

  get lastFolded(): number {
    return this.#lastFolded;
  }

  get lowestOpen(): number | undefined {
    const lowest = (this.#counted ?? this.#timed)?.lowest;
    return lowest === undefined ? undefined : Math.floor(lowest);
  }

  /** `name` is the key and the window's id. */
  known(
    name: string,
    {
      last: message,
      lastPlace: last = message,
      closedAtMs,
      next = 0,
      clockMs = 0,
      skips = [],
    }: Omit<GatherSummary, 'subject' | 'first' | 'reason'>,
  ): void {
    const key = name.slice(0, name.lastIndexOf('.'));
    this.#counted?.known(key, { next, last, doubles: skips });
    this.#timed?.known(key, Number(name.slice(key.length + 1)), { last, closedAtMs, clockMs });
  }

  fold(part: StoredPart): readonly FoldEffect[] {
    if (part.sequence <= this.#lastFolded) return [];
    this.#lastFolded = part.sequence;
    const headers = lowerCased(part.headers);
    if (this.#rules.filter && !this.#rules.filter(part.subject, headers)) return [];
    const pack = headers[packHeader.toLowerCase()];
    return pack === undefined ? this.#add(part, headers) : this.#addPack(part, headers, pack);
  }

  /** Its members, one after the other: all that is to be known of them here is how many there are. */
  #addPack(part: StoredPart, headers: Readonly<Record<string, string>>, pack: string): readonly FoldEffect[] {
    if (this.#rules.asksHeaders)
      return this.#refuse('a pack is not for windows with a clock of their own, or a filter of headers', part);
    let members: number;
    try {
      members = describedMembers(pack);
    } catch (error) {
      return this.#refuse(messageOf(error), part);
    }
    const bytes = Math.ceil(part.bytes / Math.max(1, members));
    const id = headers[messageIdHeader] ?? '';
    return Array.from({ length: members }, (_, member) => {
      const own = id === '' ? {} : { [messageIdHeader]: `${id}-${member}` };
      return this.#add({ ...part, bytes, member }, own);
    }).flat();
  }

  #add(part: StoredPart, headers: Readonly<Record<string, string>>): readonly FoldEffect[] {
    const timeMs = this.#timeOf(part, headers);
    if (typeof timeMs === 'string') return this.#refuse(timeMs, part);
    const key = this.#rules.keyOf(part.subject);
    const subject = this.#rules.partsSubjectOf(part.subject);
    const { bytes, member = 0 } = part;
    const sequence = placeOf(part.sequence, member);
    const trace = traceOf(headers);
    const own = { sequence, bytes, timeMs: part.timeMs, id: headers[messageIdHeader] ?? '' };
    const entry = trace.length === 0 ? own : { ...own, trace };
    const added = this.#timed?.add(key, subject, timeMs, entry) ?? this.#counted?.add(key, subject, entry);
    if (!added) return [];
    const effects = added.closed.map((closed): FoldEffect => ({ kind: 'closed', closed }));
    return [...effects, ...this.#told(added.result, key, part), ...this.#makeRoom(part.timeMs)];
  }

  closeDue(asOfMs: number): ClosedKey[] {
    return (this.#counted ?? this.#timed)?.due(asOfMs) ?? [];
  }

  #told(result: TimedResult, key: string, part: StoredPart): readonly FoldEffect[] {
    if (result === 'taken') this.counts.parts++;
    if (result === 'double') this.counts.doubles++;
    if (result === 'over the bound') return this.#refuse('its window has too many events', part);
    if (result !== 'late') return [];
    this.counts.late++;
    // Each late event is told: unlike the parts of a gather it stands for itself.
    return [{ kind: 'late', key, part, count: 1 }];
  }

  /** The event's own time, or why it has none. */
  #timeOf(part: StoredPart, headers: Readonly<Record<string, string>>): number | string {
    const { clock } = this.#rules;
    if (clock === '') return part.timeMs;
    const text = headers[clock] ?? '';
    const timeMs = /^\d{1,15}$/.test(text)
      ? Number(text)
      : /^\d{4}-\d\d-\d\dT/.test(text)
        ? Date.parse(text)
        : Number.NaN;
    if (Number.isNaN(timeMs) || timeMs < 0) return `its header ${clock} is no time`;
    return timeMs > part.timeMs + aheadMsMax ? `its header ${clock} is ahead of the broker's clock` : timeMs;
  }

  #refuse(reason: string, part: StoredPart): readonly FoldEffect[] {
    this.counts.refused++;
    return [{ kind: 'refused', reason, part }];
  }

  /** G11: open windows are bounded like open keys. */
  #makeRoom(nowMs: number): readonly FoldEffect[] {
    const windows = this.#counted ?? this.#timed;
    if (!windows) return [];
    const effects: FoldEffect[] = [];
    while (windows.size > openKeysMax || (windows.size > 0 && windows.bytes > this.#openBytesMax)) {
      for (const closed of windows.closeOldest(nowMs)) effects.push({ kind: 'closed', closed });
    }
    return effects;
  }
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
