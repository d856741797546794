/**
 * Sums over nodes of what agents count since their own start: only what grew is added, so that an agent that is restarted or
 * lost takes nothing away. Sum and last word of each agent are kept, and stored, together: what is read back doubles nothing.
 */

/** Who counts: a node's agent, told apart from the one before it by its start. */
export interface Counter {
  readonly node: string;
  readonly startedAt: number;
}

/** Nodes whose last word is remembered; of a pilot that has had more, the oldest are forgotten. */
const nodesMax = 4_096;

interface Last {
  readonly startedAt: number;
  readonly values: readonly number[];
}

interface Entry {
  readonly sum: number[];
  readonly last: Map<string, Last>;
}

/** As it is stored: key, sum, and by node what was last said. */
export type StoredTotal = readonly [key: string, sum: readonly number[], last: Readonly<Record<string, Last>>];

export class GrownTotals {
  readonly #entries = new Map<string, Entry>();
  readonly #keysMax: number;

  /** Of more keys the oldest go. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  add(key: string, { node, startedAt }: Counter, values: readonly number[]): void {
    const entry = this.#entries.get(key) ?? this.#enter(key, { sum: [], last: new Map() });
    const before = entry.last.get(node);
    entry.last.set(node, { startedAt, values });
    const [first] = entry.last.keys();
    if (entry.last.size > nodesMax && first !== undefined) entry.last.delete(first);
    const since = before?.startedAt === startedAt ? before.values : [];
    for (let at = 0; at < values.length; at++)
      entry.sum[at] = (entry.sum[at] ?? 0) + Math.max(0, (values[at] ?? 0) - (since[at] ?? 0));
  }

  /** Undefined for a key that nobody has counted. */
  of(key: string): readonly number[] | undefined {
    return this.#entries.get(key)?.sum;
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  stored(isWanted: (key: string) => boolean): StoredTotal[] {
    return [...this.#entries].flatMap(([key, { sum, last }]) =>
      isWanted(key) ? [[key, sum, Object.fromEntries(last)] as const] : [],
    );
  }

  restore(totals: readonly StoredTotal[]): void {
    for (const [key, sum, last] of totals) this.#enter(key, { sum: [...sum], last: new Map(Object.entries(last)) });
  }

  #enter(key: string, entry: Entry): Entry {
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#keysMax && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }
}
