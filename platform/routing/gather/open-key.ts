/** What a gatherer knows of one key: which parts have come, in which messages, and when (G3). */
import { traceOf } from '#common';
import { anyKind } from '#model';
import { IndexSet } from './index-set.ts';
import { kindsPerKeyMax, missingRangesMax, partsPerKeyMax } from './limits.ts';
import { SequenceEncoder } from './sequence-codec.ts';

/** Why a key was closed. */
export type CloseReason = 'complete' | 'gap' | 'timeout' | 'storage';

/** A closed key: all that its gather event tells. */
export interface ClosedKey {
  readonly key: string;
  /** Subject of its parts as users write it; wildcards that are not part of the key stay. */
  readonly subject: string;
  /** First and last message of the key that was read, doubles and the end marker included: what a release frees. */
  readonly first: number;
  readonly last: number;
  /** Payload bytes of the listed parts. */
  readonly bytes: number;
  /** Sequences of the parts, each index once, delta-coded. */
  readonly sequences: string;
  /** Of a window with members of packs: they are its events' places, in so many parts of a sequence. */
  readonly places?: number;
  readonly parts: Readonly<Record<string, number>>;
  /** Ranges [first, last] of expected indexes that did not come; indexes count from 0. */
  readonly missing: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly expected: Readonly<Record<string, number>>;
  readonly doubles: number;
  readonly reason: CloseReason;
  /** Trace context of its first message, which the gather goes on with. */
  readonly trace?: readonly (readonly [string, string])[];
  /** Server times, milliseconds since 1970. */
  readonly openedAt: number;
  readonly closedAt: number;
  /** Of a window: the key of its events, where the next one begins (by count), or what it spans (by time). */
  readonly window?: {
    readonly key: string;
    /** Place of its last event, where that is a member of a pack. */
    readonly last?: number;
    readonly next?: number;
    readonly skips?: readonly number[];
    readonly startMs?: number;
    readonly endMs?: number;
    /** The latest of its key's own times when it closed. */
    readonly clockMs?: number;
  };
}

/** What is known of a key when its first message has come: what the event at its opening tells (G13). */
export interface OpenedKey {
  readonly key: string;
  /** Of its parts, as users write it. */
  readonly subject: string;
  readonly first: number;
  /** Server time. */
  readonly openedAt: number;
  readonly trace?: readonly (readonly [string, string])[];
}

/** An open key, for those who look on. */
export interface OpenKeyState {
  readonly key: string;
  readonly parts: Readonly<Record<string, number>>;
  readonly expected: Readonly<Record<string, number>>;
  /** Server times. */
  readonly openedAtMs: number;
  readonly lastNewAtMs: number;
}

export type TakeResult = 'taken' | 'double' | 'over the bound';

export class OpenKey {
  readonly key: string;
  readonly subject: string;
  readonly firstSequence: number;
  readonly openedAtMs: number;
  lastSequence: number;
  /** Server time of the last new part, or of the end marker. */
  lastNewAtMs: number;
  /** Payload bytes of all its messages: what it keeps from the stream's other users. */
  heldBytes = 0;
  readonly #seen = new Map<string, IndexSet>();
  readonly #sequences = new SequenceEncoder();
  #expected: ReadonlyMap<string, number>;
  readonly #trace: readonly [string, string][];
  #unfinishedKinds = 0;
  #partBytes = 0;
  #doubles = 0;

  constructor(
    key: string,
    subject: string,
    first: { sequence: number; timeMs: number; headers?: Readonly<Record<string, string>> },
    counts: ReadonlyMap<string, number>,
  ) {
    this.key = key;
    this.subject = subject;
    this.firstSequence = first.sequence;
    this.lastSequence = first.sequence;
    this.openedAtMs = first.timeMs;
    this.lastNewAtMs = first.timeMs;
    this.#expected = counts;
    this.#trace = traceOf(first.headers);
    this.#countUnfinished();
  }

  /** G8: distinct indexes of each kind have reached their counts, and there is a count. */
  get complete(): boolean {
    return this.#unfinishedKinds === 0 && this.#expected.size > 0;
  }

  get state(): OpenKeyState {
    return {
      key: this.key,
      parts: this.#parts(),
      expected: Object.fromEntries(this.#expected),
      openedAtMs: this.openedAtMs,
      lastNewAtMs: this.lastNewAtMs,
    };
  }

  get opened(): OpenedKey {
    const trace = this.#trace.length === 0 ? {} : { trace: this.#trace };
    return { key: this.key, subject: this.subject, first: this.firstSequence, openedAt: this.openedAtMs, ...trace };
  }

  /** The first message of an index counts; the others are doubles. */
  takePart(kind: string, index: number, sequence: number, bytes: number): TakeResult {
    let seen = this.#seen.get(kind);
    if (!seen) {
      if (this.#seen.size >= kindsPerKeyMax) return 'over the bound';
      seen = new IndexSet();
      this.#seen.set(kind, seen);
    }
    if (this.#sequences.count >= partsPerKeyMax && !seen.has(index)) return 'over the bound';
    if (!seen.add(index)) {
      this.#doubles++;
      return 'double';
    }
    this.#sequences.push(sequence);
    this.#partBytes += bytes;
    if (seen.size === this.#expected.get(kind)) this.#unfinishedKinds--;
    if (this.#sequences.count === this.#expected.get(anyKind)) this.#unfinishedKinds--;
    return 'taken';
  }

  /** The marker's counts add to those of the manifest and win over them; beside them a number for all kinds says nothing more. */
  expect(expected: ReadonlyMap<string, number> | undefined): void {
    if (!expected) return;
    const manifest = [...this.#expected].filter(([kind]) => kind !== anyKind);
    this.#expected = new Map([...manifest, ...expected]);
    this.#countUnfinished();
  }

  close(reason: CloseReason, closedAtMs: number): ClosedKey {
    return {
      key: this.key,
      subject: this.subject,
      first: this.firstSequence,
      last: this.lastSequence,
      bytes: this.#partBytes,
      sequences: this.#sequences.encode(),
      parts: this.#parts(),
      missing: reason === 'complete' ? {} : this.#missing(),
      expected: Object.fromEntries(this.#expected),
      doubles: this.#doubles,
      reason,
      openedAt: this.openedAtMs,
      closedAt: closedAtMs,
      ...(this.#trace.length === 0 ? {} : { trace: this.#trace }),
    };
  }

  #parts(): Record<string, number> {
    return Object.fromEntries([...this.#seen].map(([kind, seen]) => [kind, seen.size]));
  }

  #countUnfinished(): void {
    this.#unfinishedKinds = 0;
    for (const [kind, count] of this.#expected) if (this.#sizeOf(kind) < count) this.#unfinishedKinds++;
  }

  #sizeOf(kind: string): number {
    return kind === anyKind ? this.#sequences.count : (this.#seen.get(kind)?.size ?? 0);
  }

  #missing(): Record<string, [number, number][]> {
    const missing: Record<string, [number, number][]> = {};
    let room = missingRangesMax;
    for (const [expected, count] of this.#expected) {
      const kind = expected === anyKind ? this.#onlyKind() : expected;
      if (kind === undefined) continue;
      const ranges = (this.#seen.get(kind) ?? new IndexSet()).missingBelow(count, room);
      if (ranges.length > 0) missing[kind] = ranges;
      room -= ranges.length;
    }
    return missing;
  }

  /** Of several kinds a number for all of them together does not say which one has too few. */
  #onlyKind(): string | undefined {
    return this.#seen.size === 1 ? [...this.#seen.keys()][0] : undefined;
  }
}
