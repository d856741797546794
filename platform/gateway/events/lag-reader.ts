/** What waits for a function, and what has come for it so far, from all its consumers, each read at its stream's leader. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { consumerName, readLag, readOrderedLag, type StreamName, streams } from '#broker';
import type { FunctionVersion } from '#proto';
import type { TriggerStates } from '#registry';
import type { Waiting } from '../claims/local-data.ts';
import { triggerStream } from './trigger-stream.ts';

const noRetries = { pending: 0 };

export interface FunctionLag {
  readonly pending: number;
  readonly ackPending: number;
  /** Deliveries and what waits for one: what has come since the consumers were made. With order, what has come and is not done. */
  readonly arrived: number;
  /** Where what waits begins, by the subjects of its triggers. */
  readonly waiting: readonly Waiting[];
}

/** One for each version, undefined where one of its consumers could not be read: part of a lag is no lag. */
export async function readLags(
  manager: JetStreamManager,
  versions: readonly FunctionVersion[],
  triggerStates: TriggerStates,
): Promise<(FunctionLag | undefined)[]> {
  const anyRetries = await hasMessages(manager, streams.retries);
  return Promise.all(versions.map((version) => readFunctionLag(manager, version, triggerStates, anyRetries)));
}

/** True where it cannot be told. */
async function hasMessages(manager: JetStreamManager, stream: StreamName): Promise<boolean> {
  try {
    return (await manager.streams.info(stream)).state.messages > 0;
  } catch {
    return true;
  }
}

async function readFunctionLag(
  manager: JetStreamManager,
  version: FunctionVersion,
  triggerStates: TriggerStates,
  anyRetries: boolean,
): Promise<FunctionLag | undefined> {
  // What a paused trigger keeps is no work.
  const isPaused = (name: string) => triggerStates.get(version.function, name).pausedAtMs > 0;
  const triggers = (version.spec?.triggers ?? []).filter(({ name }) => !isPaused(name));
  const read = triggers.map(async (trigger) => {
    const consumer = consumerName(version.function, trigger.name);
    const order = version.spec?.order !== undefined;
    return Promise.all([
      order
        ? readOrderedLag(manager, version.function, trigger.name)
        : readLag(manager, triggerStream(trigger), consumer),
      // Mostly nothing at all is tried again: one question then answers for all functions.
      anyRetries ? readLag(manager, streams.retries, consumer) : noRetries,
      trigger.subject,
    ] as const);
  });
  const waiting: Waiting[] = [];
  const sum = { pending: 0, ackPending: 0, arrived: 0, waiting };
  for (const [lag, retries, pattern] of await Promise.all(read)) {
    if (!lag || !retries) return undefined;
    // With order, what is done is in another stream: where the rest begins in this one is not known.
    if ('ackFloor' in lag && typeof lag.ackFloor === 'number') waiting.push({ pattern, after: lag.ackFloor });
    // Retries that wait for their time are no work yet (design, "Parking"): only those that nobody has looked at count.
    sum.pending += lag.pending + retries.pending;
    sum.ackPending += lag.ackPending;
    sum.arrived += lag.pending + lag.delivered;
  }
  return sum;
}
