/** All that is the same for every event of one trigger of one function version, worked out once. */
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type EventName,
  type EventPublisher,
  eventSubject,
  headerLines,
  type PulledEvent,
  publishSubject,
  type StreamName,
  userSubject,
} from '#broker';
import { type Clock, isPlatformSubject } from '#common';
import { compileTemplate, tokenAt } from '#model';
import type { FunctionSpec, FunctionVersion, Trigger } from '#proto';
import { cloudEventHeaders } from '#sdk';
import type { Logger } from '#telemetry';
import { claimOverBytesDefault, type OutputStore } from '../claims/output-store.ts';
import type { LogSink } from '../records/log-sink.ts';
import type { Traces } from '../traces/traces.ts';
import type { AttemptLog } from './attempt-log.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Parking } from './parking.ts';

export interface TriggerRouteOptions {
  readonly version: FunctionVersion;
  readonly trigger: Trigger;
  readonly stream: StreamName;
  readonly node: string;
  readonly connection: NatsConnection;
  readonly publisher: EventPublisher;
  readonly outputs: OutputStore;
  readonly attempts: AttemptLog;
  readonly leases: Pick<LeaseKeeper, 'provenAt' | 'connected'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the function's authors look: failures of their function are told there. */
  readonly logs: LogSink;
  readonly mapStack: (stack: string) => Promise<string>;
  /** How many failed events of the trigger wait in its own stream. */
  readonly parking: Parking;
  readonly traces?: Traces | undefined;
  /** The subject, as users write it, that an event stands for; a gathered one stands for its key's parts. */
  readonly subjectOf: (event: PulledEvent) => string;
}

export class TriggerRoute {
  readonly functionName: string;
  readonly versionNumber: number;
  readonly versionText: string;
  readonly digest: string;
  readonly triggerName: string;
  readonly stream: StreamName;
  readonly node: string;
  readonly retry: { readonly attempts: number; readonly minMs: number; readonly maxMs: number };
  readonly connection: NatsConnection;
  readonly publisher: EventPublisher;
  readonly outputs: OutputStore;
  readonly claimOverBytes: number;
  readonly attempts: AttemptLog;
  readonly leases: Pick<LeaseKeeper, 'provenAt' | 'connected'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logs: LogSink;
  readonly mapStack: (stack: string) => Promise<string>;
  readonly parking: Parking;
  readonly traces: Traces | undefined;
  /** Attributes of each result, where the manifest wants CloudEvents. */
  readonly #cloudEvents: FunctionSpec['cloudEvents'];
  /** Header lines of every output. */
  readonly versionLines: string;
  readonly #outputOf: ((subject: string) => string) | undefined;
  readonly #subjectOf: (event: PulledEvent) => string;
  readonly #idPrefix: string;
  readonly #scanOf: ((subject: string) => string) | undefined;

  constructor(options: TriggerRouteOptions) {
    const { version, trigger } = options;
    this.functionName = version.function;
    this.versionNumber = version.number;
    this.versionText = `${version.function}:${version.number}:${version.digest.slice(0, 12)}`;
    this.digest = version.digest;
    this.triggerName = trigger.name;
    this.stream = options.stream;
    this.node = options.node;
    this.retry = version.spec?.retry ?? { attempts: 1, minMs: 1_000, maxMs: 60_000 };
    this.connection = options.connection;
    this.publisher = options.publisher;
    this.outputs = options.outputs;
    this.claimOverBytes = version.spec?.claimOverBytes || claimOverBytesDefault;
    this.attempts = options.attempts;
    this.leases = options.leases;
    this.clock = options.clock;
    this.logger = options.logger;
    this.logs = options.logs;
    this.mapStack = options.mapStack;
    this.parking = options.parking;
    this.traces = options.traces;
    this.#cloudEvents = version.spec?.cloudEvents;
    this.versionLines = headerLines([['Pilotfish-Version', this.versionText]]);
    const output = version.spec?.output ?? '';
    this.#outputOf = output === '' ? undefined : compileTemplate(output, trigger.subject);
    this.#subjectOf = options.subjectOf;
    this.#scanOf = scanTemplate(trigger);
    // R3: not the version, a redelivery after a deploy must not double a result.
    this.#idPrefix = `${version.function}.${trigger.name}.${options.stream}.`;
  }

  idOf(event: EventName): string {
    return this.#idPrefix + event;
  }

  /** Header lines of a single output, without its message id. */
  outputLines(id: string): string {
    const { cloudEvents } = this;
    return cloudEvents ? this.versionLines + headerLines(cloudEvents(id)) : this.versionLines;
  }

  /** Headers of an output that make it a CloudEvent; undefined where the manifest wants none. */
  get cloudEvents(): ((id: string) => [string, string][]) | undefined {
    const wanted = this.#cloudEvents;
    return wanted && ((id) => resultAttributes(wanted, id, this.clock.now()));
  }

  /** R3: trigger, stream, sequence and output index; the results of a pack are one message, without an index. */
  outputId(event: EventName, index: number | 'pack'): string {
    return `${this.#idPrefix}${event}.${index}`;
  }

  /** Stored subject of the event's result; undefined where the manifest names no output. Throws `invalid` for one of the platform's. */
  outputSubject(event: PulledEvent): string | undefined {
    if (this.#outputOf === undefined) return undefined;
    const subject = this.#outputOf(this.#subjectOf(event));
    // Only what the platform publishes stands there; a template may be led there by an event's own tokens.
    return isPlatformSubject(subject) ? publishSubject(subject) : eventSubject(subject);
  }

  subjectOf(event: PulledEvent): string {
    return this.#subjectOf(event);
  }

  /** What the event is counted for; undefined where the trigger's subject tells no events apart. */
  scanOf(event: PulledEvent): string | undefined {
    return this.#scanOf?.(this.#subjectOf(event));
  }
}

/** The key of a gather, else what the first wildcard stands for. */
function scanTemplate({ subject, gather }: Trigger): ((subject: string) => string) | undefined {
  if (gather?.key) return compileTemplate(gather.key, subject);
  const position = subject.split('.').findIndex((token) => token === '*' || token === '>');
  return position < 0 ? undefined : (own) => tokenAt(own, position);
}

/** The id is the message's: a redelivery of the event makes the same CloudEvent once more, and the stream drops it. */
function resultAttributes(
  { type, source, contentType }: NonNullable<FunctionSpec['cloudEvents']>,
  id: string,
  now: number,
): [string, string][] {
  const time = new Date(now).toISOString();
  const content: Record<string, string> = contentType === '' ? {} : { datacontenttype: contentType };
  return cloudEventHeaders({ specversion: '1.0', id, source, type, time, ...content });
}

/** The subject of a plain event. */
export function plainSubject(event: PulledEvent): string {
  return userSubject(event.subject);
}
