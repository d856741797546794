/**
 * Windows of time a key, by the time of storing or by the events' own. They lie at fixed places, so whoever reads the
 * same messages again comes to the same windows. By their own time events may come in any order: a window stays open for
 * `lateness` after its end, as far as the times of its key's events tell, or until its key has fallen silent for that long.
 */
import { tombstonesMax } from '../gather/limits.ts';
import type { ClosedKey } from '../gather/open-key.ts';
import { Tombstones } from '../gather/tombstones.ts';
import { closedWindow, OpenWindow, type WindowEntry } from './open-window.ts';
import { type WindowRules, windowStarts } from './window-rules.ts';

interface TimedKey {
  readonly subject: string;
  /** By their start. */
  readonly windows: Map<number, OpenWindow>;
  /** When the stream stored its last event. */
  storedMs: number;
}

export type TimedResult = 'taken' | 'double' | 'known' | 'late' | 'over the bound';

export class TimeWindows {
  readonly #rules: WindowRules;
  readonly #keys = new Map<string, TimedKey>();
  readonly #tombstones = new Tombstones();
  /**
   * The latest of each key's own times. The event of a closed window carries it: whoever reads again from the watermark
   * then knows the times of all that came before, and takes the same events for late.
   */
  readonly #latest = new Map<string, number>();
  #size = 0;
  #bytes = 0;

  constructor(rules: WindowRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lowest(): number | undefined {
    let lowest: number | undefined;
    for (const { windows } of this.#keys.values()) {
      for (const { first } of windows.values())
        if (first && (lowest === undefined || first.sequence < lowest)) lowest = first.sequence;
    }
    return lowest;
  }

  /** A window that is closed, as its event tells. */
  known(key: string, start: number, closed: { last: number; closedAtMs: number; clockMs: number }): void {
    this.#tombstones.add(nameOf(key, start), { ...closed, complete: false });
    this.#advance(key, closed.clockMs);
  }

  /** `timeMs` is the event's own time. */
  add(key: string, subject: string, timeMs: number, entry: WindowEntry): { result: TimedResult; closed: ClosedKey[] } {
    const timed = this.#keys.get(key) ?? { subject, windows: new Map(), storedMs: entry.timeMs };
    this.#keys.set(key, timed);
    const before = timed.windows.size === 0 ? [] : this.#closeIdle(key, timed, entry.timeMs);
    const latestMs = this.#advance(key, timeMs);
    timed.storedMs = entry.timeMs;
    const late = latestMs - this.#rules.latenessMs;
    const results = windowStarts(timeMs, this.#rules).map((start) =>
      this.#put(key, timed, start, entry, this.#endOf(start) <= late),
    );
    // Its events' own times have passed the end of a window and what may come late.
    const closed = [...before, ...this.#closeWhere(key, timed, late, entry.timeMs)];
    return { result: bestOf(results), closed };
  }

  due(asOfMs: number): ClosedKey[] {
    return [...this.#keys].flatMap(([key, timed]) => {
      const closed = this.#closeIdle(key, timed, asOfMs);
      if (timed.windows.size === 0) this.#keys.delete(key);
      return closed;
    });
  }

  /** The window with the oldest event gives way. */
  closeOldest(nowMs: number): ClosedKey[] {
    const lowest = this.lowest;
    for (const [key, timed] of this.#keys) {
      for (const [start, { first }] of timed.windows)
        if (first?.sequence === lowest) return [this.#close(key, timed, start, 'storage', nowMs)];
    }
    return [];
  }

  #put(key: string, timed: TimedKey, start: number, entry: WindowEntry, isLate: boolean): TimedResult {
    const after = this.#tombstones.classify(nameOf(key, start), entry.sequence, entry.timeMs, false);
    if (after) return after.kind === 'known' ? 'known' : 'late';
    if (isLate) return 'late';
    let window = timed.windows.get(start);
    if (!window) {
      window = new OpenWindow();
      timed.windows.set(start, window);
      this.#size++;
    }
    const result = window.take(entry);
    if (result === 'taken') this.#bytes += entry.bytes;
    return result;
  }

  #advance(key: string, timeMs: number): number {
    const latestMs = Math.max(timeMs, this.#latest.get(key) ?? 0);
    this.#latest.delete(key);
    this.#latest.set(key, latestMs);
    const [oldest] = this.#latest.keys();
    if (this.#latest.size > tombstonesMax && oldest !== undefined) this.#latest.delete(oldest);
    return latestMs;
  }

  /** By the time of storing the server's clock tells; by their own, a silence as long as a window and its lateness. */
  #closeIdle(key: string, timed: TimedKey, asOfMs: number): ClosedKey[] {
    if (this.#rules.clock === '') return this.#closeWhere(key, timed, asOfMs, asOfMs);
    const silentMs = this.#rules.timeMs + this.#rules.latenessMs;
    return asOfMs - timed.storedMs < silentMs
      ? []
      : this.#closeWhere(key, timed, Number.POSITIVE_INFINITY, timed.storedMs + silentMs);
  }

  #closeWhere(key: string, timed: TimedKey, endedBeforeMs: number, closedAtMs: number): ClosedKey[] {
    const ended = [...timed.windows.keys()]
      .filter((start) => this.#endOf(start) <= endedBeforeMs)
      .sort((a, b) => a - b);
    return ended.map((start) => {
      const at = this.#rules.clock === '' ? this.#endOf(start) : closedAtMs;
      return this.#close(key, timed, start, 'complete', at);
    });
  }

  #close(key: string, timed: TimedKey, start: number, reason: 'complete' | 'storage', closedAtMs: number): ClosedKey {
    const { entries = [], doubles = 0, bytes = 0 } = timed.windows.get(start) ?? {};
    timed.windows.delete(start);
    this.#size--;
    this.#bytes -= bytes;
    const clockMs = this.#latest.get(key) ?? 0;
    this.known(key, start, { last: entries.at(-1)?.sequence ?? 0, closedAtMs, clockMs });
    const span = { startMs: start, endMs: this.#endOf(start), clockMs };
    return closedWindow({ key, id: start, subject: timed.subject, entries, doubles, reason, closedAtMs, span });
  }

  #endOf(start: number): number {
    return start + this.#rules.timeMs;
  }
}

function nameOf(key: string, start: number): string {
  return `${key}.${start}`;
}

/** An event is late only where no window takes it any more. */
function bestOf(results: readonly TimedResult[]): TimedResult {
  const order: readonly TimedResult[] = ['taken', 'over the bound', 'double', 'known', 'late'];
  return order.find((result) => results.includes(result)) ?? 'late';
}
