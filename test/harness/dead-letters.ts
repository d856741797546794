/** Dead letters of a pilot, read with the viewer's key as a stranger's program would. */
import { type ConsumerMessages, DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, streams } from '#broker';
import type { TestPilot } from './pilot.ts';

export interface DeadLetter {
  readonly function: string;
  readonly version: number;
  readonly digest: string;
  readonly trigger: string;
  readonly reason: string;
  readonly deliveries: number;
  readonly traceparent: string;
  readonly attempts: readonly {
    readonly time: number;
    readonly node: string;
    readonly instance: string;
    readonly error: string;
    readonly stack: string;
    readonly lost?: boolean;
  }[];
  readonly event: { readonly subject: string; readonly sequence: number; readonly data: string };
}

/** Reads them as they come. */
export class DeadLetterReader {
  readonly #letters: DeadLetter[] = [];
  readonly #connection: NatsConnection;
  readonly #messages: ConsumerMessages;
  readonly #reading: Promise<void>;

  private constructor(connection: NatsConnection, messages: ConsumerMessages) {
    this.#connection = connection;
    this.#messages = messages;
    this.#reading = this.#read();
  }

  static async open(pilot: TestPilot): Promise<DeadLetterReader> {
    const { brokers, seeds } = pilot.connection;
    const member = `test${Math.random().toString(36).slice(2)}`;
    const connection = await connectNats({ servers: brokers, seed: seeds.viewer, role: 'viewer', member });
    const all = { deliver_policy: DeliverPolicy.All };
    const consumer = await jetstream(connection).consumers.get(streams.deadLetters, all);
    return new DeadLetterReader(connection, await consumer.consume());
  }

  /** Those of the function so far. */
  of(functionName: string): readonly DeadLetter[] {
    return this.#letters.filter((letter) => letter.function === functionName);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#messages.close();
    await this.#reading;
    await this.#connection.close();
  }

  async #read(): Promise<void> {
    for await (const message of this.#messages) this.#letters.push(message.json<DeadLetter>());
  }
}
