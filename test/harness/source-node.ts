/** The part of an agent that makes events by the clock and from files, on a connection of its own. */
import { jetstream } from '@nats-io/jetstream';
import { EventPublisher, eventSubject, messageIdHeader, streams } from '#broker';
import { systemClock } from '#common';
import { FunctionVersion, type Trigger, type TriggerState, WantedFunction } from '#proto';
import { createLogger } from '#telemetry';
import type { LogSink } from '../../platform/agent/records/log-sink.ts';
import { TriggerSources } from '../../platform/agent/sources/trigger-sources.ts';
import type { BareBroker, BrokerMember } from './bare-broker.ts';

const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, process.env['GATHER_LOG'] ?? 'silent');

export function wantedSource(trigger: Trigger, states: readonly TriggerState[] = []): WantedFunction {
  const spec = { name: 'f', triggers: [trigger] };
  const version = FunctionVersion.fromPartial({ function: 'f', number: 1, digest: 'd1', spec });
  return WantedFunction.fromPartial({ pull: true, instances: 1, version, triggers: [...states] });
}

export class SourceNode {
  readonly sources: TriggerSources;
  /** What the function's authors were told. */
  readonly told: string[] = [];
  readonly #member: BrokerMember;
  readonly #publisher: EventPublisher;
  readonly #timer: NodeJS.Timeout;

  private constructor(member: BrokerMember, node: string) {
    const { connection, buckets, inbox } = member;
    this.#member = member;
    this.#publisher = new EventPublisher({ connection, inbox, clock: systemClock });
    this.#timer = setInterval(() => this.#publisher.checkLost(), 500);
    this.sources = new TriggerSources({
      connection,
      buckets,
      publisher: this.#publisher,
      logs: { write: ({ text }: { text: string }) => this.told.push(text) } as unknown as LogSink,
      clock: systemClock,
      node,
      logger,
    });
  }

  static async start(broker: BareBroker, node: string, wanted: WantedFunction): Promise<SourceNode> {
    const started = new SourceNode(await broker.member('agent', node), node);
    started.sources.follow([wanted]);
    return started;
  }

  owns(): Promise<boolean> {
    return this.sources.owns('f', 'on0');
  }

  /** As kill -9 looks from the broker: nothing is said any more. */
  async cut(): Promise<void> {
    clearInterval(this.#timer);
    await this.#member.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.sources.close();
    this.#publisher.close();
  }
}

export interface SourcedEvent {
  readonly id: string;
  readonly subject: string;
  readonly payload: {
    readonly name: string;
    readonly scheduled: string;
    readonly path: string;
    readonly bytes: number;
  };
}

/** All events of a subject that are stored now, oldest first. */
export async function storedEvents(broker: BareBroker, subject: string): Promise<SourcedEvent[]> {
  const connection = await broker.connect('viewer', `v${Math.random().toString(36).slice(2)}`);
  const consumer = await jetstream(connection).consumers.get(streams.events, {
    filter_subjects: eventSubject(subject),
  });
  const found: SourcedEvent[] = [];
  const { num_pending } = await consumer.info();
  while (found.length < num_pending) {
    for await (const message of await consumer.fetch({ max_messages: num_pending, expires: 1_000 })) {
      found.push({
        id: message.headers?.get(messageIdHeader) ?? '',
        subject: message.subject,
        payload: message.json(),
      });
      if (found.length === num_pending) break;
    }
  }
  await connection.close();
  return found;
}
