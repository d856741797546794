/**
 * Two intakes a trigger: plain triggers read EVENTS, gather triggers the gather events of their closed keys; beside it
 * each has the intake of its parked and redriven events. A trigger with order has its shards instead of the first.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type Buckets,
  consumerName,
  type EventPublisher,
  EventPuller,
  type StreamName,
  shardKey,
  streams,
} from '#broker';
import type { Clock } from '#common';
import { callTimeoutMs, compileTemplate } from '#model';
import { packLeftHeader, readLeft } from '#packs';
import type { FunctionVersion, Trigger } from '#proto';
import { compileFilter } from '#routing';
import type { Logger } from '#telemetry';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import type { OutputStore } from '../claims/output-store.ts';
import { AttemptLog } from '../events/attempt-log.ts';
import type { LeaseKeeper } from '../events/lease-keeper.ts';
import { Parking } from '../events/parking.ts';
import { plainSubject, TriggerRoute } from '../events/trigger-route.ts';
import { GatherLease } from '../gather/gather-lease.ts';
import { fetchGathered, gatheredSubject } from '../gather/spool.ts';
import type { PartSource } from '../gather/streamed-call.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import { ShardIntake } from '../order/shard-intake.ts';
import { ShardIntakes } from '../order/shard-intakes.ts';
import type { LogSink } from '../records/log-sink.ts';
import type { Traces } from '../traces/traces.ts';
import { TriggerIntake } from './trigger-intake.ts';

export interface IntakeOptions {
  readonly version: FunctionVersion;
  readonly pool: FunctionPool;
  readonly connection: NatsConnection;
  readonly inbox: string;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly outputs: OutputStore;
  readonly claims: ClaimLocator;
  readonly leases: Pick<LeaseKeeper, 'provenAt' | 'connected'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: string;
  readonly spoolDirectory: string;
  readonly logs: LogSink;
  readonly traces?: Traces | undefined;
  readonly mapStack: (stack: string) => Promise<string>;
}

/** Of a trigger with order only the retries: its events come through shards. */
export function createIntakes(options: IntakeOptions): TriggerIntake[] {
  const { spec } = options.version;
  return (spec?.triggers ?? []).flatMap((trigger) => {
    const parking = new Parking();
    const retries = createIntake(options, trigger, parking, true);
    return spec?.order ? [retries] : [createIntake(options, trigger, parking, false), retries];
  });
}

/** One for each shard of each trigger with order. */
export function createShards(options: IntakeOptions, manager: Promise<JetStreamManager>): ShardIntakes {
  const { version, pool, connection, inbox, buckets, clock, logger, node, claims } = options;
  const { order, triggers = [] } = version.spec ?? {};
  const key = order?.key;
  return new ShardIntakes(
    key === undefined ? [] : triggers,
    (trigger, shard) =>
      new ShardIntake({
        place: { functionName: version.function, trigger: trigger.name, shard },
        keyOf: compileTemplate(key ?? '', trigger.subject),
        lease: new GatherLease({
          leases: buckets.gatherLeases,
          key: shardKey(version.function, trigger.name, shard),
          node,
          clock,
        }),
        marks: buckets.gatherMarks,
        manager,
        pool,
        route: createRoute(options, trigger, streams.events),
        puller: (consumer, onEvent) =>
          new EventPuller({ connection, inbox, stream: streams.ordered, consumer, clock, onEvent }),
        claims,
        clock,
        logger,
      }),
  );
}

function createIntake(options: IntakeOptions, trigger: Trigger, parking: Parking, retries: boolean): TriggerIntake {
  const { version, connection, clock, spoolDirectory, claims } = options;
  const gathered = trigger.gather !== undefined || trigger.window !== undefined;
  const stream = gathered ? streams.gathers : streams.events;
  return new TriggerIntake({
    pool: options.pool,
    retries,
    filter: gathered ? undefined : compileFilter(trigger.filter),
    claims,
    readLeft: async (sequence) => leftIn(await jetstreamManager(connection, { checkAPI: false }), sequence),
    route: createRoute(options, trigger, stream, parking),
    puller: (onEvent) =>
      new EventPuller({
        connection,
        inbox: options.inbox,
        stream: retries ? streams.retries : stream,
        consumer: consumerName(version.function, trigger.name),
        clock,
        onEvent,
      }),
    timeoutMs: callTimeoutMs(version.spec?.timeoutMs ?? timeoutMsDefault, trigger),
    ...(trigger.gather?.streaming ? { partSource: partSource(options) } : {}),
    ...(gathered
      ? { fetchParts: (event) => fetchGathered(event, { connection, inbox: options.inbox, spoolDirectory, claims }) }
      : {}),
  });
}

/** Of a version without a spec. */
const timeoutMsDefault = 30_000;

async function partSource({ connection, inbox, clock, claims }: IntakeOptions): Promise<PartSource> {
  return { connection, inbox, clock, claims, manager: await jetstreamManager(connection, { checkAPI: false }) };
}

/** Asked of the stream's leader: a follower may not have the message yet, and that would say that it is gone. */
async function leftIn(manager: JetStreamManager, sequence: number): Promise<readonly number[] | undefined> {
  const stored = await manager.streams.getMessage(streams.events, { seq: sequence });
  return stored ? readLeft(stored.header.get(packLeftHeader)) : undefined;
}

function createRoute(
  options: IntakeOptions,
  trigger: Trigger,
  stream: StreamName,
  parking = new Parking(),
): TriggerRoute {
  const { version } = options;
  return new TriggerRoute({
    version,
    trigger,
    stream,
    node: options.node,
    connection: options.connection,
    publisher: options.publisher,
    outputs: options.outputs,
    attempts: new AttemptLog(options.buckets.attempts, version.function, trigger.name),
    leases: options.leases,
    clock: options.clock,
    logger: options.logger,
    logs: options.logs,
    mapStack: options.mapStack,
    parking,
    traces: options.traces,
    subjectOf: trigger.gather || trigger.window ? gatheredSubject : plainSubject,
  });
}
