/** ctx.state: a function's own values in one bucket of the pilot, every write a compare-and-set where the function asks for it. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { stateKey } from '#broker';
import { messageOf } from '#common';
import type { StateAnswerHeader, StateHeader } from '#frames';

export interface StateAnswer extends Omit<StateAnswerHeader, 'token'> {
  readonly value?: Uint8Array;
}

/** What keys are for; data belongs into events. */
const valueBytesMax = 2 ** 20;
const keyBytesMax = 512;

/** JetStream: "wrong last sequence". */
const wrongLastSequence = 10071;

export class StateStore {
  readonly #bucket: KV;

  constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  /** Never rejects. */
  async run(functionName: string, state: StateHeader, value: Uint8Array): Promise<StateAnswer> {
    try {
      if (Buffer.byteLength(state.key) > keyBytesMax)
        throw new RangeError(`a state key has at most ${keyBytesMax} bytes`);
      if (value.length > valueBytesMax) throw new RangeError(`a state value has at most ${valueBytesMax} bytes`);
      return await this.#operate(stateKey(functionName, state.key), state, value);
    } catch (error) {
      const isConflict = error instanceof JetStreamApiError && error.code === wrongLastSequence;
      return { revision: 0, error: isConflict ? 'conflict' : `state "${state.key}": ${messageOf(error)}` };
    }
  }

  async #operate(key: string, { operation, revision }: StateHeader, value: Uint8Array): Promise<StateAnswer> {
    if (operation === 'get') {
      const entry = await this.#bucket.get(key);
      if (entry?.operation !== 'PUT') return { revision: 0, error: '' };
      return { revision: entry.revision, error: '', value: entry.value };
    }
    const condition = revision === undefined ? {} : { previousSeq: await this.#lastOf(key, revision) };
    if (operation === 'set') return { revision: await this.#bucket.put(key, value, condition), error: '' };
    await this.#bucket.delete(key, condition);
    return { revision: 0, error: '' };
  }

  /** "No value" means no message, or a delete mark: its sequence is what the server compares with. */
  async #lastOf(key: string, revision: number): Promise<number> {
    if (revision !== 0) return revision;
    const entry = await this.#bucket.get(key);
    return entry && entry.operation !== 'PUT' ? entry.revision : 0;
  }
}
