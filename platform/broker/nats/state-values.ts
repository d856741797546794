/**
 * Values of ctx.state with the ids of the events that changed them last, both in one message: an event that comes again
 * finds its id beside what it made. The bucket's own client gives no headers.
 */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { stateStream, stateSubject } from '../subjects.ts';

export interface StateValue {
  /** Undefined where there is none: never written, or deleted. */
  readonly value: Uint8Array | undefined;
  /** Of the last write or deletion; 0 for a key that was never written. */
  readonly revision: number;
  /** Events whose change is in it, the newest last. */
  readonly applied: readonly string[];
}

/** So many events a key are remembered; one that comes again after so many others is applied twice. */
const appliedMax = 128;
const appliedHeader = 'Pilotfish-Applied';
const operationHeader = 'KV-Operation';

export class StateValues {
  readonly #client: JetStreamClient;
  readonly #manager: Promise<JetStreamManager>;

  constructor(connection: NatsConnection) {
    this.#client = jetstream(connection);
    this.#manager = jetstreamManager(connection, { checkAPI: false });
  }

  async read(key: string): Promise<StateValue> {
    const manager = await this.#manager;
    const found = await manager.direct.getMessage(stateStream, { last_by_subj: stateSubject(key) });
    if (!found) return { value: undefined, revision: 0, applied: [] };
    const applied = found.header?.get(appliedHeader) ?? '';
    return {
      value: found.header?.get(operationHeader) ? undefined : found.data,
      revision: found.seq,
      applied: applied === '' ? [] : applied.split(' '),
    };
  }

  /** Undefined deletes. Returns the new revision; throws 10071 where `before` is no longer the last. */
  async write(
    key: string,
    value: Uint8Array | undefined,
    before: StateValue,
    event: string | undefined,
  ): Promise<number> {
    const own = headers();
    const applied = event === undefined ? before.applied : [...before.applied, event].slice(-appliedMax);
    if (applied.length > 0) own.set(appliedHeader, applied.join(' '));
    if (value === undefined) own.set(operationHeader, 'DEL');
    const expect = { lastSubjectSequence: before.revision };
    return (await this.#client.publish(stateSubject(key), value ?? new Uint8Array(0), { headers: own, expect })).seq;
  }
}
