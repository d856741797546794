/**
 * Two intakes a trigger: plain triggers read EVENTS, gather triggers the gather events of their closed keys; beside it
 * each has the intake of its parked and redriven events.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { type Buckets, consumerName, type EventPublisher, EventPuller, streams } from '#broker';
import type { Clock } from '#common';
import type { FunctionVersion, Trigger } from '#proto';
import { compileFilter } from '#routing';
import type { Logger } from '#telemetry';
import { AttemptLog } from './attempt-log.ts';
import type { FunctionPool } from './function-pool.ts';
import { fetchGathered, gatheredSubject } from './gather/spool.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LogSink } from './log-sink.ts';
import { Parking } from './parking.ts';
import { TriggerIntake } from './trigger-intake.ts';
import { plainSubject, TriggerRoute } from './trigger-route.ts';

export interface IntakeOptions {
  readonly version: FunctionVersion;
  readonly pool: FunctionPool;
  readonly connection: NatsConnection;
  readonly inbox: string;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly leases: Pick<LeaseKeeper, 'provenAt' | 'connected'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: string;
  readonly spoolDirectory: string;
  readonly logs: LogSink;
  readonly mapStack: (stack: string) => Promise<string>;
}

export function createIntakes(options: IntakeOptions): TriggerIntake[] {
  return (options.version.spec?.triggers ?? []).flatMap((trigger) => {
    const parking = new Parking();
    return [createIntake(options, trigger, parking, false), createIntake(options, trigger, parking, true)];
  });
}

function createIntake(options: IntakeOptions, trigger: Trigger, parking: Parking, retries: boolean): TriggerIntake {
  const { version, connection, clock, spoolDirectory } = options;
  const gathered = trigger.gather !== undefined || trigger.window !== undefined;
  const stream = gathered ? streams.gathers : streams.events;
  return new TriggerIntake({
    pool: options.pool,
    retries,
    filter: gathered ? undefined : compileFilter(trigger.filter),
    route: (released) =>
      new TriggerRoute({
        version,
        trigger,
        stream,
        node: options.node,
        connection,
        publisher: options.publisher,
        attempts: new AttemptLog(options.buckets.attempts, version.function, trigger.name),
        leases: options.leases,
        clock,
        logger: options.logger,
        logs: options.logs,
        mapStack: options.mapStack,
        released,
        parking,
        subjectOf: gathered ? gatheredSubject : plainSubject,
      }),
    puller: (onEvent) =>
      new EventPuller({
        connection,
        inbox: options.inbox,
        stream: retries ? streams.retries : stream,
        consumer: consumerName(version.function, trigger.name),
        clock,
        onEvent,
      }),
    ...(gathered
      ? { fetchParts: (event) => fetchGathered(event, { connection, inbox: options.inbox, spoolDirectory }) }
      : {}),
  });
}
