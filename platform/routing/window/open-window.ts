/** What is known of one window: which messages are in it, and what they come to. */
import { packMembersMax } from '#packs';
import { partsPerKeyMax } from '../gather/limits.ts';
import type { ClosedKey, CloseReason } from '../gather/open-key.ts';
import { SequenceEncoder } from '../gather/sequence-codec.ts';

/** One event, of which only this much is kept. */
export interface WindowEntry {
  /** Its place (place.ts): of a member of a pack, between its message's sequence and the next. */
  readonly sequence: number;
  /** When the stream stored it. */
  readonly timeMs: number;
  readonly bytes: number;
  /** The message id; "" for none. */
  readonly id: string;
  /** Its trace context, if it has one. */
  readonly trace?: readonly [string, string][];
}

/** Kind of the events of a window, where the parts of a gather name theirs. */
export const windowPartKind = 'event';

export class OpenWindow {
  readonly entries: WindowEntry[] = [];
  bytes = 0;
  doubles = 0;
  readonly #ids = new Set<string>();

  take(entry: WindowEntry): 'taken' | 'double' | 'over the bound' {
    if (entry.id !== '' && this.#ids.has(entry.id)) {
      this.doubles++;
      return 'double';
    }
    if (this.entries.length >= partsPerKeyMax) return 'over the bound';
    if (entry.id !== '') this.#ids.add(entry.id);
    this.entries.push(entry);
    this.bytes += entry.bytes;
    return 'taken';
  }

  /** Forgets the oldest so many. */
  drop(count: number): void {
    for (const { id, bytes } of this.entries.splice(0, count)) {
      this.#ids.delete(id);
      this.bytes -= bytes;
    }
  }

  get first(): WindowEntry | undefined {
    return this.entries[0];
  }
}

export interface WindowClose {
  /** Of the window's events. */
  readonly key: string;
  /** Tells it from the other windows of its key: a token of a subject. */
  readonly id: number | string;
  readonly subject: string;
  readonly entries: readonly WindowEntry[];
  readonly doubles: number;
  readonly reason: CloseReason;
  readonly closedAtMs: number;
  /** First place that belongs to windows after this one, where they are counted. */
  readonly next?: number;
  /** Doubles from there on. */
  readonly skips?: readonly number[];
  /** Where it is a window of time. */
  readonly span?: { readonly startMs: number; readonly endMs: number; readonly clockMs: number };
}

/** As the event tells of it. `entries` are not empty. */
export function closedWindow({
  key,
  id,
  subject,
  entries,
  doubles,
  reason,
  closedAtMs,
  next,
  skips,
  span,
}: WindowClose): ClosedKey {
  const sequences = new SequenceEncoder();
  const packed = entries.some(({ sequence }) => !Number.isInteger(sequence));
  let bytes = 0;
  for (const entry of entries) {
    sequences.push(packed ? entry.sequence * packMembersMax : entry.sequence);
    bytes += entry.bytes;
  }
  const last = entries.at(-1)?.sequence ?? 0;
  return {
    key: `${key}.${id}`,
    subject,
    first: Math.floor(entries[0]?.sequence ?? 0),
    last: Math.floor(last),
    bytes,
    sequences: sequences.encode(),
    parts: { [windowPartKind]: entries.length },
    missing: {},
    expected: {},
    doubles,
    reason,
    openedAt: entries[0]?.timeMs ?? closedAtMs,
    closedAt: closedAtMs,
    ...(entries[0]?.trace ? { trace: entries[0].trace } : {}),
    ...(packed ? { places: packMembersMax } : {}),
    window: {
      key,
      ...(Number.isInteger(last) ? {} : { last }),
      ...(next === undefined ? {} : { next }),
      ...(skips?.length ? { skips } : {}),
      ...span,
    },
  };
}
