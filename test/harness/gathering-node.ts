/** The gathering part of an agent on a connection of its own, and what a test reads of its effects. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect } from 'vitest';
import { EventPublisher, gatherSubject, inboxPrefix, streams } from '#broker';
import { systemClock } from '#common';
import { FunctionVersion, WantedFunction } from '#proto';
import { type ClosedKey, decodeGatherEvent } from '#routing';
import { createLogger } from '#telemetry';
import { Gatherers } from '../../platform/agent/gatherers.ts';
import type { BareBroker, BrokerMember } from './bare-broker.ts';
import { type PartDraft, publishParts } from './scan-source.ts';

const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, process.env['GATHER_LOG'] ?? 'silent');

/** Competes for everything named `<functionName>.*.frame`, gathered by its first wildcard. */
export function wanted(
  functionName: string,
  gather: { gapMs?: number; timeoutMs?: number; onIncomplete?: string } = {},
): WantedFunction {
  return WantedFunction.fromPartial({
    pull: true,
    instances: 1,
    version: FunctionVersion.fromPartial({
      function: functionName,
      number: 1,
      digest: 'd1',
      spec: {
        name: functionName,
        triggers: [
          {
            name: 'on0',
            subject: `${functionName}.*.frame`,
            gather: { key: '{1}', gapMs: 60_000, timeoutMs: 600_000, onIncomplete: 'run', ...gather },
          },
        ],
      },
    }),
  });
}

/** An agent's gathering part, on a connection of its own. */
export class GatheringNode {
  readonly member: BrokerMember;
  readonly publisher: EventPublisher;
  readonly gatherers: Gatherers;
  readonly #timer: NodeJS.Timeout;

  constructor(member: BrokerMember, node: string) {
    this.member = member;
    this.publisher = new EventPublisher({ connection: member.connection, inbox: member.inbox, clock: systemClock });
    this.#timer = setInterval(() => this.publisher.checkLost(), 500);
    this.gatherers = new Gatherers({
      connection: member.connection,
      buckets: member.buckets,
      publisher: this.publisher,
      clock: systemClock,
      node,
      logger,
    });
  }

  static async start(broker: BareBroker, node: string, functions: readonly WantedFunction[]): Promise<GatheringNode> {
    const started = new GatheringNode(await broker.member('agent', node), node);
    started.gatherers.follow(functions);
    return started;
  }

  /** As kill -9 looks from the broker: nothing is said any more. */
  async cut(): Promise<void> {
    clearInterval(this.#timer);
    await this.member.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.gatherers.close();
    this.publisher.close();
  }
}

/** All gather events of a function that are stored now. */
export async function gatherEvents(broker: BareBroker, functionName: string): Promise<ClosedKey[]> {
  const connection = await broker.connect('viewer', `v${Math.random().toString(36).slice(2)}`);
  const consumer = await jetstream(connection).consumers.get(streams.gathers, {
    filter_subjects: gatherSubject(functionName, 'on0', '>'),
  });
  const found: ClosedKey[] = [];
  const batch = await consumer.fetch({ max_messages: 100, expires: 1_000 });
  const pending = (await consumer.info()).num_pending;
  for await (const message of batch) {
    found.push(decodeGatherEvent(message.data).event);
    if (message.info.pending === 0) break;
  }
  await connection.close();
  expect(pending).toBeLessThanOrEqual(100);
  return found.sort((a, b) => a.key.localeCompare(b.key));
}

export async function countGathers(member: BrokerMember): Promise<number> {
  return (await (await jetstreamManager(member.connection)).streams.info(streams.gathers)).state.messages;
}

/** Publishes as a source does, on `<functionName>.<scan>.frame`. */
export async function publish(
  broker: BareBroker,
  functionName: string,
  drafts: readonly PartDraft[],
  pause?: (at: number) => Promise<void> | undefined,
): Promise<void> {
  const connection = await broker.connect('source', 'detector');
  await publishParts(
    { connection, inbox: inboxPrefix('source', 'detector') },
    drafts,
    (scan) => `${functionName}.${scan}.frame`,
    pause,
  );
}
