/**
 * A shard's consumer, made anew for each owner and after each gap. The stream is a work queue: what was acked is gone, so a
 * new consumer begins with the first event that nobody has finished, and gives all of them in their order. It never
 * waits for a redelivery, which would come behind younger events. A mark in KV names the consumer, compare-and-set, so
 * that a former owner cannot put its own in place again.
 */
import { AckPolicy, DeliverPolicy, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { orderSubject, shardConsumerName, shardKey, streams } from '../subjects.ts';
import { deleteConsumer, leaseMs } from './topology.ts';

export interface ShardPlace {
  readonly functionName: string;
  readonly trigger: string;
  readonly shard: number;
}

interface ShardMark {
  /** Of the owner that wrote it. */
  readonly epoch: number;
  /** The consumer, and those that may still have to be deleted. */
  readonly consumers: readonly string[];
}

const nanosecondsPerMs = 1_000_000;

/** Name of the new consumer; undefined where a later owner has been here. Throws when the broker does not answer. */
export async function openShardConsumer(
  manager: JetStreamManager,
  marks: KV,
  { functionName, trigger, shard }: ShardPlace,
  { epoch, opening }: { readonly epoch: number; readonly opening: number },
): Promise<string | undefined> {
  const key = shardKey(functionName, trigger, shard);
  const consumer = shardConsumerName(functionName, trigger, shard, `${epoch}x${opening}`);
  const found = await marks.get(key);
  const mark = found?.operation === 'PUT' ? found.json<ShardMark>() : { epoch: 0, consumers: [] };
  if (mark.epoch > epoch) return undefined;
  const write = (consumers: readonly string[], previousSeq: number) =>
    marks.put(key, JSON.stringify({ epoch, consumers } satisfies ShardMark), { previousSeq });
  try {
    const revision = await write([...mark.consumers, consumer], found?.revision ?? 0);
    for (const old of mark.consumers) await deleteConsumer(manager, streams.ordered, old);
    await manager.consumers.add(streams.ordered, {
      durable_name: consumer,
      filter_subject: orderSubject(functionName, trigger, shard),
      ack_policy: AckPolicy.Explicit,
      ack_wait: leaseMs * nanosecondsPerMs,
      deliver_policy: DeliverPolicy.All,
      max_deliver: -1,
    });
    await write([consumer], revision);
    return consumer;
  } catch (error) {
    // 10071: another owner writes at the same time, and it is the one to go on.
    if (error instanceof JetStreamApiError && error.code === 10071) return undefined;
    throw error;
  }
}

/** Forgets a trigger's shard: its consumer and its mark. */
export async function removeShard(manager: JetStreamManager, marks: KV, place: ShardPlace): Promise<void> {
  const key = shardKey(place.functionName, place.trigger, place.shard);
  const found = await marks.get(key);
  if (found?.operation !== 'PUT') return;
  for (const consumer of found.json<ShardMark>().consumers) await deleteConsumer(manager, streams.ordered, consumer);
  await marks.purge(key);
}
