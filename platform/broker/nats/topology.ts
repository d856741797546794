/** The pilot's streams, buckets and consumers, and the shares of the store that each may fill (R8). */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { type KV, Kvm, type KvOptions } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { buckets, orderSubject, type StreamName, streamSubjects, streams } from '../subjects.ts';

/** A lease on an event: it comes back this long after its agent fell silent (design, "Leases"). */
export const leaseMs = 6_000;

/** At least 3 x (lease + longest restart of a server); costs the server ~240 bytes an id. */
export const duplicateWindowMs = 120_000;

/** An agent's entry in the nodes bucket ends after this long without a heartbeat. */
export const nodeSilenceMs = 4_000;

/** A gatherer's lease (G2). */
export const gatherLeaseMs = 3_000;

/** Largest message the broker takes; a larger one is refused by name before it is sent. */
export const messageBytesMax = 16 * 10 ** 6;

/** A key closed this long ago may be gathered anew (G11, tombstones). */
const tombstoneMs = 24 * 3_600_000;

/** A claimed payload that no event released by then is given up: its event was never stored, or waits longer than a pilot lives. */
export const claimTtlMs = 24 * 3_600_000;

/** Shares of the store; what is left over serves buckets and the artifact store. */
const shares: Record<StreamName, number> = {
  EVENTS: 0.48,
  GATHERS: 0.03,
  RETRIES: 0.05,
  ORDERED: 0.05,
  CALLS: 0.02,
  CALL_RESULTS: 0.03,
  DEAD_LETTERS: 0.07,
  LOGS: 0.03,
  AUDIT: 0.01,
  CLAIMS: 0.05,
};
const artifactShare = 0.1;
const stateShare = 0.04;

/** Unacked events of one consumer at all agents together: nodes x instances x pipeline. */
const ackPendingMax = 20_000;
/** Pulls waiting at one consumer: two an agent on a thousand nodes. */
const pullsWaitingMax = 4_096;

const nanosecondsPerMs = 1_000_000;

export interface TopologyOptions {
  readonly storeBytes: number;
  readonly replicas: number;
}

/** Creates what is missing and brings the rest up to date; safe to call at every start of a gateway. */
export async function ensureStreams(manager: JetStreamManager, options: TopologyOptions): Promise<void> {
  await allDone(Object.values(streams).map((name) => ensureStream(manager, streamConfig(name, options))));
}

async function ensureStream(manager: JetStreamManager, config: ReturnType<typeof streamConfig>): Promise<void> {
  // Asked first: the server reserves a new stream's bytes before it notices that the stream is there.
  const found = await findStream(manager, config.name);
  // Where it was moved to, it stays.
  const placement = found?.config.placement ? { placement: found.config.placement } : {};
  if (found) await manager.streams.update(config.name, { ...config, ...placement });
  else await manager.streams.add(config);
}

/** Whoever tries again after a failure must not meet what is still under way. */
async function allDone<T>(ways: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(ways);
  return await Promise.all(ways);
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    // 10059: stream not found.
    if (error instanceof JetStreamApiError && error.code === 10059) return undefined;
    throw error;
  }
}

const maxAgeMs: Partial<Record<StreamName, number>> = { GATHERS: tombstoneMs, CLAIMS: claimTtlMs };

const workQueues: ReadonlySet<StreamName> = new Set([streams.retries, streams.ordered, streams.calls]);

function streamConfig(name: StreamName, options: TopologyOptions): Partial<StreamConfig> & { name: string } {
  // Results that are no longer wanted go by their own time; when there are too many, the oldest.
  const journal = name === streams.logs || name === streams.audit || name === streams.callResults;
  return {
    name,
    subjects: [streamSubjects[name]],
    // A retry has one reader, and is gone once that has acked it; so is an event in line.
    retention: workQueues.has(name) ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    // The last word on a call replaces the ones before.
    ...(name === streams.callResults ? { max_msgs_per_subject: 1, allow_msg_ttl: true } : {}),
    storage: StorageType.File,
    // Log lines and audit entries give way to newer ones; events never do (R8).
    discard: journal ? DiscardPolicy.Old : DiscardPolicy.New,
    max_bytes: Math.floor(options.storeBytes * shares[name]),
    max_msg_size: messageBytesMax,
    max_age: (maxAgeMs[name] ?? 0) * nanosecondsPerMs,
    duplicate_window: duplicateWindowMs * nanosecondsPerMs,
    num_replicas: options.replicas,
    allow_direct: true,
  };
}

export interface Buckets {
  readonly registry: KV;
  readonly nodes: KV;
  readonly observed: KV;
  readonly attempts: KV;
  readonly gatherLeases: KV;
  readonly gatherMarks: KV;
  readonly state: KV;
  readonly secrets: KV;
  readonly tokens: KV;
}

/** Creates the buckets; for the gateway, whose role may. */
export async function createBuckets(connection: NatsConnection, options: TopologyOptions): Promise<Buckets> {
  const kvm = new Kvm(connection);
  const { replicas } = options;
  const max_bytes = Math.floor(options.storeBytes * 0.005);
  const observedBytes = Math.floor(options.storeBytes * 0.0025);
  const stateBytes = Math.floor(options.storeBytes * stateShare);
  const own: Readonly<Record<keyof Buckets, Partial<KvOptions>>> = {
    registry: {},
    nodes: { ttl: nodeSilenceMs },
    observed: { max_bytes: observedBytes },
    attempts: { ttl: tombstoneMs },
    gatherLeases: { ttl: gatherLeaseMs },
    gatherMarks: {},
    state: { max_bytes: stateBytes },
    secrets: {},
    tokens: {},
  };
  const names = Object.keys(own) as (keyof Buckets)[];
  const created = names.map(
    async (name) => [name, await kvm.create(buckets[name], { replicas, max_bytes, ...own[name] })] as const,
  );
  return Object.fromEntries(await allDone(created)) as unknown as Buckets;
}

/** Opens the buckets that a gateway has created. */
export async function openBuckets(connection: NatsConnection): Promise<Buckets> {
  const kvm = new Kvm(connection);
  const open = (name: string) => kvm.open(name, { bindOnly: true });
  return {
    registry: await open(buckets.registry),
    nodes: await open(buckets.nodes),
    observed: await open(buckets.observed),
    attempts: await open(buckets.attempts),
    gatherLeases: await open(buckets.gatherLeases),
    gatherMarks: await open(buckets.gatherMarks),
    state: await open(buckets.state),
    secrets: await open(buckets.secrets),
    tokens: await open(buckets.tokens),
  };
}

/** Bytes the artifact store may fill. */
export function artifactStoreBytes(options: TopologyOptions): number {
  return Math.floor(options.storeBytes * artifactShare);
}

/** One durable consumer a trigger (R1); attempts are counted by us, not by the server (design, "Attempts"). */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: StreamName,
  consumer: string,
  filters: string | readonly string[],
  start: ConsumerStart = { deliver_policy: DeliverPolicy.All },
): Promise<void> {
  const [filter] = [filters].flat();
  const config: Partial<ConsumerConfig> = {
    durable_name: consumer,
    ...(typeof filters === 'string' || filters.length === 1
      ? { filter_subject: filter ?? '' }
      : { filter_subjects: [...filters] }),
    ack_policy: AckPolicy.Explicit,
    ack_wait: leaseMs * nanosecondsPerMs,
    ...start,
    max_deliver: -1,
    max_ack_pending: ackPendingMax,
    max_waiting: pullsWaitingMax,
  };
  try {
    await manager.consumers.add(stream, config);
  } catch (error) {
    // 10148: it exists with another configuration, its filter say.
    if (!(error instanceof JetStreamApiError) || error.code !== 10148) throw error;
    // Where it began stands: the server does not change it, and what it has read since counts.
    const { deliver_policy, opt_start_seq, opt_start_time } = (await manager.consumers.info(stream, consumer)).config;
    const begun = {
      deliver_policy,
      ...(opt_start_seq ? { opt_start_seq } : {}),
      ...(opt_start_time ? { opt_start_time } : {}),
    };
    await manager.consumers.update(stream, consumer, {
      ...config,
      opt_start_seq: undefined,
      opt_start_time: undefined,
      ...begun,
    });
  }
}

/** Where a consumer begins to read; looked at when it is made. */
export type ConsumerStart = Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'>;

/** A trigger's start as a consumer's. */
export function consumerStart(at: {
  readonly timeMs?: number;
  readonly sequence?: number;
  readonly new?: boolean;
}): ConsumerStart {
  if (at.new) return { deliver_policy: DeliverPolicy.New };
  if (at.sequence !== undefined) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: at.sequence };
  if (at.timeMs === undefined) return { deliver_policy: DeliverPolicy.All };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(at.timeMs).toISOString() };
}

/** Pending and unacked messages of a consumer, read at its stream's leader; undefined when it cannot be read now. */
export async function readLag(
  manager: JetStreamManager,
  stream: StreamName,
  consumer: string,
): Promise<{ pending: number; ackPending: number; ackFloor: number; delivered: number } | undefined> {
  try {
    const info = await manager.consumers.info(stream, consumer);
    return {
      pending: info.num_pending,
      ackPending: info.num_ack_pending,
      ackFloor: info.ack_floor.stream_seq,
      delivered: info.delivered.consumer_seq,
    };
  } catch {
    // Unknown is an answer of its own: the autoscaler holds on it.
    return undefined;
  }
}

/**
 * Events in line for a trigger with order; undefined when they cannot be read now. One that was handled is no longer there:
 * those that are waiting, and those that are being handled.
 */
export async function readOrderedLag(
  manager: JetStreamManager,
  functionName: string,
  trigger: string,
): Promise<{ pending: number; ackPending: number; delivered: number } | undefined> {
  try {
    const filter = orderSubject(functionName, trigger, '*');
    const { state } = await manager.streams.info(streams.ordered, { subjects_filter: filter });
    const pending = Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    return { pending, ackPending: 0, delivered: 0 };
  } catch {
    return undefined;
  }
}

/** Deletes a trigger's consumer; one that is not there is fine. */
export async function deleteConsumer(manager: JetStreamManager, stream: StreamName, consumer: string): Promise<void> {
  try {
    await manager.consumers.delete(stream, consumer);
  } catch (error) {
    // 10014: consumer not found.
    if (!(error instanceof JetStreamApiError) || error.code !== 10014) throw error;
  }
}
