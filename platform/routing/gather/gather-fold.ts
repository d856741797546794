/**
 * Folds a stream's headers into keys and closes each once (G1, G3, G8, G9). Pure: all it knows of time are the server's
 * times of messages, and the time as of which the caller has read everything. So whoever reads the same messages again
 * gets the same keys.
 */
import type { GatherSummary } from './gather-event.ts';
import type { GatherRules } from './gather-rules.ts';
import { openBytesShareMax, openKeysMax } from './limits.ts';
import { type ClosedKey, type CloseReason, type OpenedKey, OpenKey, type OpenKeyState } from './open-key.ts';
import { type PartMark, parsePartMark } from './part-header.ts';
import { Tombstones } from './tombstones.ts';

/** A message of the trigger's subject, without its payload. */
export interface StoredPart {
  /** As users write it. */
  readonly subject: string;
  readonly sequence: number;
  /** Its place in the pack that the sequence names. */
  readonly member?: number;
  /** When the stream stored it, milliseconds since 1970. */
  readonly timeMs: number;
  /** Payload bytes. */
  readonly bytes: number;
  /** Values of the headers Pilotfish-Part and Pilotfish-Expect. */
  readonly part: string | undefined;
  readonly expect: string | undefined;
  /** All of them. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type FoldEffect =
  /** Of a streaming gather alone. */
  | { readonly kind: 'opened'; readonly opened: OpenedKey }
  | { readonly kind: 'closed'; readonly closed: ClosedKey }
  /** A part of a key that is closed; `count` is how many there were. */
  | {
      readonly kind: 'late';
      readonly key: string;
      readonly part: StoredPart;
      readonly count: number;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly part: StoredPart };

export interface FoldCounts {
  parts: number;
  doubles: number;
  late: number;
  refused: number;
}

/** What reads a stream for a trigger: the same messages make the same groups, whoever folds them. */
export interface StreamFold {
  readonly counts: FoldCounts;
  /** Groups that are open. */
  readonly openKeys: number;
  /** 0 before the first message. */
  readonly lastFolded: number;
  /** First message that an open group needs; undefined when none is open. */
  readonly lowestOpen: number | undefined;
  /** A group that is closed, as the headers of its event tell. */
  known(name: string, summary: GatherSummary): void;
  fold(part: StoredPart): readonly FoldEffect[];
  closeDue(asOfMs: number): ClosedKey[];
  /** The newest open groups, at most so many, as far as they are; windows are not told. */
  open(max: number): OpenKeyState[];
}

const nothing: readonly FoldEffect[] = [];

export class GatherFold implements StreamFold {
  readonly counts: FoldCounts = { parts: 0, doubles: 0, late: 0, refused: 0 };
  readonly tombstones = new Tombstones();
  readonly #rules: GatherRules;
  readonly #openBytesMax: number;
  /** In the order of their first messages. */
  readonly #open = new Map<string, OpenKey>();
  #openBytes = 0;
  #lastFolded = 0;

  /** `streamBytesMax`: what the stream may hold; open keys may hold half of it. */
  constructor(rules: GatherRules, streamBytesMax: number) {
    this.#rules = rules;
    this.#openBytesMax = streamBytesMax * openBytesShareMax;
  }

  get openKeys(): number {
    return this.#open.size;
  }

  get openBytes(): number {
    return this.#openBytes;
  }

  /** 0 before the first message. */
  get lastFolded(): number {
    return this.#lastFolded;
  }

  /** First message of the oldest open key; undefined when none is open. */
  get lowestOpen(): number | undefined {
    const [oldest] = this.#open.values();
    return oldest?.firstSequence;
  }

  known(name: string, { last, closedAtMs, reason }: GatherSummary): void {
    this.tombstones.add(name, { last, closedAtMs, complete: reason === 'complete' });
  }

  /** The messages must come in the order of their sequences; one that came before is passed over. */
  open(max: number): OpenKeyState[] {
    return [...this.#open.values()].slice(-max).map((open) => open.state);
  }

  fold(part: StoredPart): readonly FoldEffect[] {
    if (part.sequence <= this.#lastFolded) return nothing;
    this.#lastFolded = part.sequence;
    const mark = parsePartMark(part.part, part.expect);
    if (mark.type === 'wrong') return this.#refuse(mark.reason, part);
    const key = this.#rules.keyOf(part.subject);
    const known = this.#open.get(key);
    if (!known) {
      const after = this.#afterClose(key, mark, part);
      if (after) return after;
    }
    const before = known ? nothing : this.#makeRoom(part.timeMs);
    const open = known ?? this.#openKey(key, part);
    const opened = known ? nothing : this.#tellOpened(open);
    const effects = this.#take(open, mark, part);
    return before.length + opened.length === 0 ? effects : [...before, ...opened, ...effects];
  }

  /** Keys whose time is over, given that everything stored up to `asOfMs` (server time) has been folded (G9). */
  closeDue(asOfMs: number): ClosedKey[] {
    const { gapMs, timeoutMs } = this.#rules;
    const closed: ClosedKey[] = [];
    for (const open of [...this.#open.values()]) {
      const timeoutAt = timeoutMs > 0 ? open.openedAtMs + timeoutMs : Number.POSITIVE_INFINITY;
      const gapAt = gapMs > 0 ? open.lastNewAtMs + gapMs : Number.POSITIVE_INFINITY;
      if (Math.min(timeoutAt, gapAt) > asOfMs) continue;
      closed.push(gapAt <= timeoutAt ? this.#close(open, 'gap', gapAt) : this.#close(open, 'timeout', timeoutAt));
    }
    return closed;
  }

  #take(open: OpenKey, mark: Exclude<PartMark, { type: 'wrong' }>, part: StoredPart): readonly FoldEffect[] {
    open.lastSequence = part.sequence;
    open.heldBytes += part.bytes;
    this.#openBytes += part.bytes;
    if (mark.type === 'end') {
      open.expect(mark.expected);
      open.lastNewAtMs = part.timeMs;
    } else {
      const result = open.takePart(mark.kind, mark.index, part.sequence, part.bytes);
      if (result === 'over the bound') return this.#refuse('its key has too many parts or kinds of parts', part);
      if (result === 'double') this.counts.doubles++;
      else {
        this.counts.parts++;
        open.lastNewAtMs = part.timeMs;
      }
    }
    if (open.complete) return [{ kind: 'closed', closed: this.#close(open, 'complete', part.timeMs) }];
    return this.#openBytes > this.#openBytesMax ? this.#freeBytes(part.timeMs) : nothing;
  }

  #afterClose(key: string, mark: PartMark, part: StoredPart): readonly FoldEffect[] | undefined {
    const after = this.tombstones.classify(key, part.sequence, part.timeMs, mark.type === 'end');
    if (!after) return undefined;
    if (after.kind === 'double') this.counts.doubles++;
    if (after.kind !== 'late') return nothing;
    this.counts.late++;
    return [{ kind: 'late', key, part, count: after.count }];
  }

  #refuse(reason: string, part: StoredPart): readonly FoldEffect[] {
    this.counts.refused++;
    return [{ kind: 'refused', reason, part }];
  }

  #openKey(key: string, part: StoredPart): OpenKey {
    const open = new OpenKey(key, this.#rules.partsSubjectOf(part.subject), part, this.#rules.counts);
    this.#open.set(key, open);
    return open;
  }

  /** G13 */
  #tellOpened({ opened }: OpenKey): readonly FoldEffect[] {
    return this.#rules.streaming ? [{ kind: 'opened', opened }] : nothing;
  }

  /** G11: the oldest key closes when one more would be too many. */
  #makeRoom(nowMs: number): readonly FoldEffect[] {
    if (this.#open.size < openKeysMax) return nothing;
    return this.#closeOldest(nowMs);
  }

  /** G11: open keys must leave room for the end markers that free them. */
  #freeBytes(nowMs: number): readonly FoldEffect[] {
    const effects: FoldEffect[] = [];
    while (this.#openBytes > this.#openBytesMax && this.#open.size > 0) effects.push(...this.#closeOldest(nowMs));
    return effects;
  }

  #closeOldest(nowMs: number): readonly FoldEffect[] {
    const [oldest] = this.#open.values();
    return oldest ? [{ kind: 'closed', closed: this.#close(oldest, 'storage', nowMs) }] : nothing;
  }

  #close(open: OpenKey, reason: CloseReason, closedAtMs: number): ClosedKey {
    this.#open.delete(open.key);
    this.#openBytes -= open.heldBytes;
    this.tombstones.add(open.key, { last: open.lastSequence, closedAtMs, complete: reason === 'complete' });
    return open.close(reason, closedAtMs);
  }
}
