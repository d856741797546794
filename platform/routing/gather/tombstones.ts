/** Closed keys, so that what comes after the close is known for what it is (G8). Bounded by number and age (G11). */
import { doubleGraceMs, tombstoneMs, tombstonesMax } from './limits.ts';

export interface Tombstone {
  /** Last message that belonged to the key when it closed. */
  readonly last: number;
  /** Server time. */
  readonly closedAtMs: number;
  readonly complete: boolean;
}

interface Entry extends Tombstone {
  late: number;
}

export type AfterClose =
  /** It was part of the key already; seen when a new owner reads again. */
  { readonly kind: 'known' } | { readonly kind: 'double' } | { readonly kind: 'late'; readonly count: number };

export class Tombstones {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  add(key: string, tombstone: Tombstone): void {
    this.#entries.delete(key);
    this.#entries.set(key, { ...tombstone, late: 0 });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > tombstonesMax && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Undefined: the key is not closed (or was so long ago that it is a new one). */
  classify(key: string, sequence: number, timeMs: number, isEnd: boolean): AfterClose | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (sequence <= entry.last) return { kind: 'known' };
    if (timeMs - entry.closedAtMs >= tombstoneMs) {
      this.#entries.delete(key);
      return undefined;
    }
    // An end marker holds nothing that could be lost.
    if (isEnd || (entry.complete && timeMs - entry.closedAtMs < doubleGraceMs)) return { kind: 'double' };
    entry.late++;
    return { kind: 'late', count: entry.late };
  }
}
