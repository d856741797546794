/** Lets one item of each key through at a time, in the order in which they came; different keys do not wait for each other. Pure. */
import { SlotMap } from '#common';

interface Line<T> {
  readonly items: T[];
  /** The first one is let through and not yet done. */
  busy: boolean;
}

export class KeyGate<T> {
  readonly #lines = new SlotMap<string, Line<T>>();
  /** Keys whose first item may go, the longest waiting first. */
  readonly #ready = new Set<string>();

  add(key: string, item: T): void {
    const line = this.#lines.get(key);
    if (line) {
      line.items.push(item);
      return;
    }
    this.#lines.set(key, { items: [item], busy: false });
    this.#ready.add(key);
  }

  /** The next item that may go; its key is busy until `done` or `again`. */
  next(): T | undefined {
    for (const key of this.#ready) {
      this.#ready.delete(key);
      const line = this.#lines.get(key);
      const item = line?.items[0];
      if (!line || item === undefined) continue;
      line.busy = true;
      return item;
    }
    return undefined;
  }

  /** The item is over, the next of its key may go. One that was not let through only leaves the line. */
  done(key: string, item: T): void {
    const line = this.#lines.get(key);
    const at = line?.items.indexOf(item) ?? -1;
    if (!line || at < 0) return;
    line.items.splice(at, 1);
    if (at === 0) line.busy = false;
    if (line.items.length === 0) this.#lines.delete(key);
    if (line.items.length === 0) this.#ready.delete(key);
    else if (!line.busy) this.#ready.add(key);
  }

  /** The item that was let through is to go once more, before all others of its key. */
  again(key: string): void {
    const line = this.#lines.get(key);
    if (!line) return;
    line.busy = false;
    this.#ready.add(key);
  }

  clear(): void {
    this.#lines.clear();
    this.#ready.clear();
  }
}
