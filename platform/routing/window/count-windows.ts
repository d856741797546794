/**
 * Windows of so many events a key. A window begins where the one before says (its event carries the first sequence of the
 * next one), so whoever reads the same messages again comes to the same windows.
 */
import { tombstonesMax } from '../gather/limits.ts';
import type { ClosedKey } from '../gather/open-key.ts';
import { closedWindow, OpenWindow, type WindowEntry } from './open-window.ts';
import { afterPlace, placeToken } from './place.ts';
import type { WindowRules } from './window-rules.ts';

interface CountedKey {
  readonly subject: string;
  readonly open: OpenWindow;
  /** Messages that were doubles of some in the window. */
  doubles: number[];
}

/** Where the last closed window of a key ended. */
interface Closed {
  /** First sequence that windows to come may hold. */
  readonly next: number;
  /** Its last event: up to here each has been in a window ... */
  readonly last: number;
  /** ... but for these doubles, which whoever reads again could not know for what they are. */
  readonly doubles: readonly number[];
}

/** Doubles named in a window's event; with more of them a successor may take some for new ones. */
const skipsMax = 256;

export class CountWindows {
  readonly #rules: WindowRules;
  /** In the order of their first events. */
  readonly #open = new Map<string, CountedKey>();
  readonly #closed = new Map<string, Closed>();
  #bytes = 0;

  constructor(rules: WindowRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#open.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lowest(): number | undefined {
    let lowest: number | undefined;
    for (const { open } of this.#open.values()) {
      const sequence = open.first?.sequence;
      if (sequence !== undefined && (lowest === undefined || sequence < lowest)) lowest = sequence;
    }
    return lowest;
  }

  /** A window that is closed, as its event tells. */
  known(key: string, closed: Closed): void {
    if (closed.next > (this.#closed.get(key)?.next ?? 0)) this.#setClosed(key, closed);
  }

  add(
    key: string,
    subject: string,
    entry: WindowEntry,
  ): { result: ReturnType<OpenWindow['take']> | 'known'; closed: ClosedKey[] } {
    const earlier = this.#closed.get(key);
    if (earlier && entry.sequence < earlier.next) return { result: 'known', closed: [] };
    if (earlier?.doubles.includes(entry.sequence)) return { result: 'known', closed: [] };
    // What was due before this event came does not depend on when somebody looked.
    const before = this.#closeIfDue(key, entry.timeMs);
    const counted = this.#open.get(key) ?? { subject, open: new OpenWindow(), doubles: [] };
    this.#open.set(key, counted);
    const result = counted.open.take(entry);
    if (result === 'taken') this.#bytes += entry.bytes;
    if (result === 'double') counted.doubles = [...counted.doubles, entry.sequence].slice(-skipsMax);
    const full = counted.open.entries.length >= this.#rules.count;
    return { result, closed: full ? [...before, this.#close(key, counted, entry.timeMs)] : before };
  }

  due(asOfMs: number): ClosedKey[] {
    return [...this.#open.keys()].flatMap((key) => this.#closeIfDue(key, asOfMs));
  }

  /** The key that has been open for longest gives way. */
  closeOldest(nowMs: number): ClosedKey[] {
    const [oldest] = this.#open.keys();
    return oldest === undefined ? [] : this.#closePartly(oldest, 'storage', nowMs);
  }

  /** Keys that were seen longest ago are forgotten first; their windows lie far before the watermark. */
  #setClosed(key: string, closed: Closed): void {
    this.#closed.delete(key);
    this.#closed.set(key, closed);
    const [oldest] = this.#closed.keys();
    if (this.#closed.size > tombstonesMax && oldest !== undefined) this.#closed.delete(oldest);
  }

  #closeIfDue(key: string, asOfMs: number): ClosedKey[] {
    const first = this.#open.get(key)?.open.first;
    if (!first || first.timeMs + this.#rules.timeoutMs > asOfMs) return [];
    return this.#closePartly(key, 'timeout', first.timeMs + this.#rules.timeoutMs);
  }

  #close(key: string, counted: CountedKey, closedAtMs: number): ClosedKey {
    const { count, countSlide } = this.#rules;
    const { open, subject } = counted;
    const entries = open.entries.slice(0, count);
    const last = entries.at(-1)?.sequence ?? 0;
    const next = entries[countSlide]?.sequence ?? afterPlace(last);
    const id = placeToken(entries[0]?.sequence ?? 0);
    const known = new Set([...(this.#closed.get(key)?.doubles ?? []), ...counted.doubles]);
    const skips = [...known].filter((sequence) => sequence >= next && sequence <= last).slice(-skipsMax);
    const closed = closedWindow({
      key,
      id,
      subject,
      entries,
      doubles: open.doubles,
      reason: 'complete',
      closedAtMs,
      next,
      skips,
    });
    this.#bytes -= open.bytes;
    open.drop(countSlide);
    this.#bytes += open.bytes;
    open.doubles = 0;
    counted.doubles = skips;
    this.#setClosed(key, { next, last, doubles: skips });
    // The order is that of first events: it begins anew.
    this.#open.delete(key);
    if (open.entries.length > 0) this.#open.set(key, counted);
    return closed;
  }

  /** Events that an earlier window has told of make no window by themselves. */
  #closePartly(key: string, reason: 'timeout' | 'storage', closedAtMs: number): ClosedKey[] {
    const counted = this.#open.get(key);
    if (!counted) return [];
    const { open, subject } = counted;
    const { entries, doubles } = open;
    const last = entries.at(-1)?.sequence ?? 0;
    const next = afterPlace(last);
    const untold = last > (this.#closed.get(key)?.last ?? 0);
    this.#open.delete(key);
    this.#bytes -= open.bytes;
    this.#setClosed(key, { next, last, doubles: [] });
    const id = placeToken(entries[0]?.sequence ?? 0);
    return untold ? [closedWindow({ key, id, subject, entries, doubles, reason, closedAtMs, next })] : [];
  }
}
