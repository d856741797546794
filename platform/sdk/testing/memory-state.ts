/** ctx.state in memory, with the compare-and-set of the real one. */
import { encodeData } from '../encode-result.ts';
import {
  type FunctionState,
  StateConflict,
  type StateEntry,
  type StateUpdateOptions,
  type StateWriteOptions,
} from '../state.ts';

const decoder = new TextDecoder();

export class MemoryState implements FunctionState {
  readonly #entries = new Map<string, StateEntry>();
  readonly #applied = new Set<string>();
  #revision = 0;

  constructor(initial: Readonly<Record<string, unknown>> = {}) {
    for (const [key, value] of Object.entries(initial)) this.#write(key, value);
  }

  async get(key: string): Promise<StateEntry | undefined> {
    return this.#entries.get(key);
  }

  async set(key: string, value: unknown, { revision }: StateWriteOptions = {}): Promise<number> {
    this.#require(key, revision);
    return this.#write(key, value);
  }

  async delete(key: string, { revision }: StateWriteOptions = {}): Promise<void> {
    this.#require(key, revision);
    this.#revision++;
    this.#entries.delete(key);
  }

  async update(
    key: string,
    change: (current: StateEntry | undefined) => unknown,
    { once }: StateUpdateOptions = {},
  ): Promise<void> {
    if (once !== undefined && this.#applied.has(`${key} ${once}`)) return;
    const value = await change(this.#entries.get(key));
    if (value === undefined) return;
    this.#write(key, value);
    if (once !== undefined) this.#applied.add(`${key} ${once}`);
  }

  /** What a test compares with: texts by key. */
  texts(): Record<string, string> {
    return Object.fromEntries([...this.#entries].map(([key, entry]) => [key, entry.text()]));
  }

  #require(key: string, revision: number | undefined): void {
    if (revision !== undefined && revision !== (this.#entries.get(key)?.revision ?? 0)) throw new StateConflict(key);
  }

  #write(key: string, data: unknown): number {
    const value = encodeData(data);
    const revision = ++this.#revision;
    const text = () => decoder.decode(value);
    this.#entries.set(key, { value, revision, text, json: <T>() => JSON.parse(text()) as T });
    return revision;
  }
}
