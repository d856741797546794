/** How many instances of each function were wanted where: kept, so that a new gateway changes nothing by being new. */
import type { KV } from '@nats-io/kv';
import { registryKeys } from '#broker';
import { readAll } from './registry.ts';

/** Function -> node -> instances. */
export type WantedByFunction = ReadonlyMap<string, ReadonlyMap<string, number>>;

export class WantedStore {
  readonly #bucket: KV;
  readonly #stored = new Map<string, string>();
  /** As it was last looked at: most rounds change nothing, and to write out 16,000 counts takes its time. */
  #seen: WantedByFunction = new Map();

  constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  async load(): Promise<WantedByFunction> {
    const wanted = new Map<string, ReadonlyMap<string, number>>();
    for (const { key, value } of await readAll(this.#bucket, registryKeys.wantedAll)) {
      const text = Buffer.from(value).toString('utf8');
      const name = key.split('.')[1] ?? '';
      this.#stored.set(name, text);
      wanted.set(name, new Map(Object.entries(JSON.parse(text) as Record<string, number>)));
    }
    return wanted;
  }

  /** Writes only what has changed. */
  async save(wanted: WantedByFunction): Promise<void> {
    for (const [name, nodes] of wanted) {
      if (isSame(this.#seen.get(name), nodes)) continue;
      const text = JSON.stringify(Object.fromEntries([...nodes].sort(([a], [b]) => a.localeCompare(b))));
      if (this.#stored.get(name) === text) continue;
      await this.#bucket.put(registryKeys.wanted(name), text);
      this.#stored.set(name, text);
    }
    for (const name of [...this.#stored.keys()]) {
      if (wanted.has(name)) continue;
      await this.#bucket.purge(registryKeys.wanted(name));
      this.#stored.delete(name);
    }
    this.#seen = wanted;
  }
}

function isSame(before: ReadonlyMap<string, number> | undefined, now: ReadonlyMap<string, number>): boolean {
  if (before === now) return true;
  if (before?.size !== now.size) return false;
  for (const [node, count] of now) if (before.get(node) !== count) return false;
  return true;
}
