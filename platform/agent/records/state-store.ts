/** ctx.state: a function's own values in one bucket of the pilot, every write a compare-and-set. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { type StateValue, type StateValues, stateKey } from '#broker';
import { messageOf } from '#common';
import type { StateAnswerHeader, StateHeader } from '#frames';

export interface StateAnswer extends Omit<StateAnswerHeader, 'token'> {
  readonly value?: Uint8Array;
}

/** What keys are for; data belongs into events. */
const valueBytesMax = 2 ** 20;
const keyBytesMax = 512;
/** Writes that take whatever is there are tried again when somebody was faster, so often. */
const writesMax = 100;

/** JetStream: "wrong last sequence". */
const wrongLastSequence = 10071;

export class StateStore {
  readonly #values: StateValues;

  constructor(values: StateValues) {
    this.#values = values;
  }

  /** Never rejects. */
  async run(functionName: string, state: StateHeader, value: Uint8Array): Promise<StateAnswer> {
    try {
      if (Buffer.byteLength(state.key) > keyBytesMax)
        throw new RangeError(`a state key has at most ${keyBytesMax} bytes`);
      if (value.length > valueBytesMax) throw new RangeError(`a state value has at most ${valueBytesMax} bytes`);
      return await this.#operate(stateKey(functionName, state.key), state, value);
    } catch (error) {
      return { revision: 0, error: isConflict(error) ? 'conflict' : `state "${state.key}": ${messageOf(error)}` };
    }
  }

  async #operate(key: string, state: StateHeader, value: Uint8Array): Promise<StateAnswer> {
    if (state.operation === 'get') {
      const found = await this.#values.read(key);
      const applied = state.once !== undefined && found.applied.includes(state.once);
      if (found.value === undefined) return { revision: 0, error: '', applied };
      return { revision: found.revision, error: '', value: found.value, applied };
    }
    const written = state.operation === 'set' ? value : undefined;
    const revision = await this.#write(key, written, state);
    return { revision: written ? revision : 0, error: '' };
  }

  async #write(key: string, value: Uint8Array | undefined, { revision, once }: StateHeader): Promise<number> {
    for (let tries = 1; ; tries++) {
      const before = await this.#values.read(key);
      if (revision !== undefined && revision !== revisionOf(before)) throw new Conflict();
      try {
        return await this.#values.write(key, value, before, once);
      } catch (error) {
        if (revision !== undefined || !isConflict(error) || tries >= writesMax) throw error;
      }
    }
  }
}

/** What a caller compares with: "no value" is 0, also after a deletion. */
function revisionOf({ value, revision }: StateValue): number {
  return value === undefined ? 0 : revision;
}

class Conflict extends Error {}

function isConflict(error: unknown): boolean {
  return error instanceof Conflict || (error instanceof JetStreamApiError && error.code === wrongLastSequence);
}
