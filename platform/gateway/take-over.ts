/** What a gateway holds before it serves: the broker's streams and buckets, and the epoch that says it is the one that acts. */
import { readFileSync } from 'node:fs';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ArtifactStore,
  type Buckets,
  connectNats,
  createBuckets,
  ensureStreams,
  readSeed,
  type TopologyOptions,
} from '#broker';
import type { Clock } from '#common';
import type { GatewayConfig } from '#model';
import { isRetired, locateBrokers, pilotPaths } from '#pilot';
import { GatewayEpoch } from '#registry';
import { brokerServerName } from '#security';
import type { Logger } from '#telemetry';
import { untilAnswered } from './until-answered.ts';

export interface TakenOver {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly buckets: Buckets;
  readonly artifacts: ArtifactStore;
  readonly epoch: GatewayEpoch;
}

/** Waits for the broker, then until no other gateway acts. Throws `cancelled` when the signal aborts. */
export async function takeOver(
  config: GatewayConfig,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<TakenOver> {
  const connection = await connectNats({
    servers: config.brokers,
    seed: readSeed(config.seedFile),
    role: 'gateway',
    member: config.node,
    tls: { ca: readFileSync(config.tls.ca, 'utf8'), serverName: brokerServerName(config.pilot) },
    firstAttemptsMax: -1,
    locate: () => locateBrokers(pilotPaths(config.pilotDirectory).brokers, config.brokers[0] ?? ''),
  });
  const topology: TopologyOptions = { storeBytes: config.storeBytes, replicas: config.brokerReplicas };
  const ask = <T>(what: string, question: () => Promise<T>) => untilAnswered(question, { what, clock, logger, signal });
  const manager = await ask('JetStream', () => jetstreamManager(connection));
  const buckets = await ask('the buckets', () => createBuckets(connection, topology));
  const epoch = await GatewayEpoch.take({
    bucket: buckets.registry,
    node: config.node,
    clock,
    shared: config.brokerReplicas > 1,
    standby: config.standby,
    mayAct: () => !isRetired(config.pilotDirectory, config.block),
    signal,
  });
  const [artifacts] = await Promise.all([
    ask('the artifact store', () => ArtifactStore.create(connection, topology)),
    ask('the streams', () => ensureStreams(manager, topology)),
  ]);
  return { connection, manager, buckets, artifacts, epoch };
}
