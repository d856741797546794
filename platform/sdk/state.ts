/** A function's own state: small values by key, shared by all its instances, kept by the pilot. */

export interface StateEntry {
  readonly value: Uint8Array;
  /** Grows with every write of the key; given back to `set` or `delete`, it makes them compare-and-set. */
  readonly revision: number;
  text(): string;
  json<T = unknown>(): T;
}

export interface StateWriteOptions {
  /** Only if the key's revision is still this one; 0: only if the key has no value. Default: whatever is there. */
  readonly revision?: number;
}

export interface StateUpdateOptions {
  /** The change is made once under this name, a word without blanks; the last 128 names of a key are remembered. */
  readonly once?: string;
}

/** Keys are up to 512 bytes of any text, values up to 1 MiB. */
export interface FunctionState {
  get(key: string): Promise<StateEntry | undefined>;
  /** Bytes and strings as they are, anything else as JSON. Returns the new revision; rejects with `StateConflict`. */
  set(key: string, value: unknown, options?: StateWriteOptions): Promise<number>;
  delete(key: string, options?: StateWriteOptions): Promise<void>;
  /**
   * Reads, changes and writes until nobody came in between; `change` may run several times. Undefined leaves the key as
   * it is. Rejects with `StateConflict` after 100 tries.
   *
   * An event that comes again, after a failure or a lost instance, changes the key once: its id is stored beside the
   * value, and `change` is not called then. In `handleBatch` say which event it is: `{ once: event.id }`.
   */
  update(
    key: string,
    change: (current: StateEntry | undefined) => unknown,
    options?: StateUpdateOptions,
  ): Promise<void>;
}

/** Somebody else wrote the key first. */
export class StateConflict extends Error {
  readonly pilotfish = 'state-conflict';
  readonly key: string;

  constructor(key: string) {
    super(`the state "${key}" was changed by another call meanwhile`);
    this.name = 'StateConflict';
    this.key = key;
  }
}
