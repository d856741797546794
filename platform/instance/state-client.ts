/** ctx.state: asks the agent, which owns the node's one connection to the broker. */
import { PlatformError } from '#common';
import { type FrameWriter, frameTypes, type StateAnswerHeader, type StateHeader } from '#frames';
import {
  encodeData,
  type FunctionState,
  StateConflict,
  type StateEntry,
  type StateUpdateOptions,
  type StateWriteOptions,
} from '#sdk';

/** Tries of `update`: past it the key is fought over, and waiting longer helps nobody. */
const updateTriesMax = 100;

interface Answer {
  readonly header: StateAnswerHeader;
  readonly value: Uint8Array;
}

export class StateClient implements FunctionState {
  readonly #writer: FrameWriter;
  readonly #open = new Map<number, { readonly key: string; readonly settled: PromiseWithResolvers<Answer> }>();
  #next = 1;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const { header, value } = await this.#ask({ operation: 'get', key }, undefined);
    return header.revision === 0 ? undefined : new Entry(value, header.revision);
  }

  async set(key: string, value: unknown, options: StateWriteOptions = {}): Promise<number> {
    return await this.#set(key, value, options);
  }

  async delete(key: string, { revision }: StateWriteOptions = {}): Promise<void> {
    await this.#ask({ operation: 'delete', key, ...(revision === undefined ? {} : { revision }) }, undefined);
  }

  async update(
    key: string,
    change: (current: StateEntry | undefined) => unknown,
    { once }: StateUpdateOptions = {},
  ): Promise<void> {
    const event = once === undefined ? {} : { once };
    for (let tries = 1; ; tries++) {
      const { header, value: read } = await this.#ask({ operation: 'get', key, ...event }, undefined);
      if (header.applied) return;
      const value = await change(header.revision === 0 ? undefined : new Entry(read, header.revision));
      if (value === undefined) return;
      try {
        await this.#set(key, value, { revision: header.revision, ...event });
        return;
      } catch (error) {
        if (!(error instanceof StateConflict) || tries >= updateTriesMax) throw error;
      }
    }
  }

  /** The state as the handler of one event sees it: its updates are made once, however often the event comes. */
  ofEvent(eventId: string): FunctionState {
    const updates = new Map<string, number>();
    return {
      get: (key) => this.get(key),
      set: (key, value, options) => this.set(key, value, options),
      delete: (key, options) => this.delete(key, options),
      update: (key, change, options) => {
        // A handler may change a key several times: its first change is not its second.
        const number = (updates.get(key) ?? 0) + 1;
        updates.set(key, number);
        return this.update(key, change, options ?? { once: number === 1 ? eventId : `${eventId}/${number}` });
      },
    };
  }

  /** A `stateAnswer` frame has come. */
  answered(header: StateAnswerHeader, value: Uint8Array): void {
    const asked = this.#open.get(header.token);
    this.#open.delete(header.token);
    if (header.error === '') asked?.settled.resolve({ header, value });
    else if (header.error === 'conflict') asked?.settled.reject(new StateConflict(asked.key));
    else asked?.settled.reject(new PlatformError('unavailable', header.error));
  }

  async #set(key: string, value: unknown, options: StateWriteOptions & StateUpdateOptions): Promise<number> {
    const { revision, once } = options;
    const condition = { ...(revision === undefined ? {} : { revision }), ...(once === undefined ? {} : { once }) };
    return (await this.#ask({ operation: 'set', key, ...condition }, encodeData(value))).header.revision;
  }

  #ask(question: Omit<StateHeader, 'token'>, value: Uint8Array | undefined): Promise<Answer> {
    const token = this.#next++;
    const settled = Promise.withResolvers<Answer>();
    this.#open.set(token, { key: question.key, settled });
    this.#writer.write(frameTypes.state, 0, 0, JSON.stringify({ token, ...question }), value);
    return settled.promise;
  }
}

class Entry implements StateEntry {
  readonly value: Uint8Array;
  readonly revision: number;

  constructor(value: Uint8Array, revision: number) {
    this.value = value;
    this.revision = revision;
  }

  text(): string {
    return Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength).toString('utf8');
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}
