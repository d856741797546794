/** A real nats-server and its trimmer, with a test in the place of sources, agents and functions: it says what these would. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import {
  consumerName,
  deadLetterSubject,
  EventPublisher,
  encodeHeaders,
  ensureConsumer,
  eventSubject,
  gatherKey,
  gatherSubject,
  messageIdHeader,
  openClaimFolder,
  type StreamName,
  streams,
} from '#broker';
import { EventClient } from '#client';
import { systemClock } from '#common';
import type { FunctionSpec } from '#proto';
import { createLogger } from '#telemetry';
import { ClaimKeeper } from '../../platform/gateway/claims/claim-keeper.ts';
import { Trimmer } from '../../platform/gateway/events/trimmer.ts';
import { gatherHeaders } from '../../platform/routing/gather/index.ts';
import { BareBroker, type BrokerMember } from './bare-broker.ts';
import { eventually } from './eventually.ts';

type HeaderPairs = readonly (readonly [string, string])[];
type ClaimPlace = 'shared' | 'stream';

const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, process.env['TRIM_LOG'] ?? 'silent');
const seenMs = 20_000;

export class TrimmedBroker {
  readonly member: BrokerMember;
  readonly manager: JetStreamManager;
  /** Payloads that the keeper asked other nodes to let go: the node, then their names. */
  readonly released: string[][] = [];
  readonly #broker: BareBroker;
  #claimRoot: string | undefined;
  #keeper: ClaimKeeper | undefined;
  #trimmer: Trimmer | undefined;

  private constructor(broker: BareBroker, member: BrokerMember, manager: JetStreamManager) {
    this.#broker = broker;
    this.member = member;
    this.manager = manager;
  }

  static async start(): Promise<TrimmedBroker> {
    const broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g1');
    return new TrimmedBroker(broker, member, await jetstreamManager(member.connection));
  }

  /** From now on what is finished goes, in rounds of 100 ms. */
  trim(functions: readonly FunctionSpec[], windowMs = 1): void {
    const { manager, member } = this;
    this.#trimmer = new Trimmer({
      ...member,
      manager,
      ...(this.#keeper && { claims: this.#keeper }),
      functions: () => functions,
      clock: systemClock,
      logger,
      windowMs,
      everyMs: 100,
    });
  }

  /** Whole rounds of the trimmer from now. */
  async rounds(count: number): Promise<void> {
    const begun = this.#trimmer?.rounds ?? 0;
    await this.eventually(() => (this.#trimmer?.rounds ?? 0) >= begun + count, `${count} rounds`);
  }

  /** Claimed payloads go with their events. */
  async keepClaims(): Promise<ClaimKeeper> {
    this.#keeper = new ClaimKeeper({
      ...this.member,
      manager: this.manager,
      folder: await openClaimFolder(this.#claims('shared'), 'n1'),
      releaseAt: async (node, names) => void this.released.push([node, ...names]),
      clock: systemClock,
      logger,
    });
    return this.#keeper;
  }

  /** A source that claims whatever is over 1,000 bytes; closed with the broker. */
  async source(name: string, place: ClaimPlace = 'shared'): Promise<EventClient> {
    const connection = await this.#broker.connect('source', name);
    const source = new EventClient(connection, 'source', name, { claims: this.#claims(place), claimOverBytes: 1_000 });
    await source.open();
    return source;
  }

  /** Claimed payloads on the shared directory. */
  get files(): number {
    return readdirSync(join(this.#claimDirectory, 'shared')).filter((name) => !name.startsWith('.')).length;
  }

  async consumer(functionName: string, stream: StreamName, filter: string): Promise<void> {
    await ensureConsumer(this.manager, stream, consumerName(functionName, 'on0'), filter);
  }

  async publish(subject: string, pairs: HeaderPairs = []): Promise<void> {
    const id = pairs.some(([name]) => name === messageIdHeader)
      ? []
      : [[messageIdHeader, crypto.randomUUID()] as const];
    await this.store(subject, encodeHeaders([...id, ...pairs]));
  }

  async store(subject: string, headers: MsgHdrs): Promise<void> {
    const { connection, inbox } = this.member;
    const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    publisher.publish(subject, new Uint8Array(10), headers, (error) => (error ? reject(error) : resolve()));
    await promise.finally(() => publisher.close());
  }

  /** The gather event of a key whose parts lie between two sequences. */
  async closeKey(
    functionName: string,
    scan: string,
    first: number,
    last: number,
    more: HeaderPairs = [],
  ): Promise<void> {
    await this.publish(gatherSubject(functionName, 'on0', scan), [
      [gatherHeaders.subject, `scan.${scan}.frame`],
      [gatherHeaders.span, `${first}-${last}`],
      [gatherHeaders.closed, `complete:${Date.now()}`],
      ...more,
    ]);
  }

  /** Everything before this sequence has been read into gathers. */
  async mark(functionName: string, sequence: number, epoch = 1): Promise<void> {
    const mark = JSON.stringify({ v: 1, epoch, sequence });
    await this.member.buckets.gatherMarks.put(gatherKey(functionName, 'on0'), mark);
  }

  async letterOfGather(functionName: string, sequence: number): Promise<void> {
    const id = `dlq.${functionName}.on0.${streams.gathers}.${sequence}`;
    await this.publish(deadLetterSubject(functionName), [[messageIdHeader, id]]);
  }

  /** Pulls and acks `count` messages; throws when there are fewer. */
  async ack(functionName: string, stream: StreamName, count: number): Promise<void> {
    const consumer = await jetstream(this.member.connection).consumers.get(stream, consumerName(functionName, 'on0'));
    let got = 0;
    for await (const message of await consumer.fetch({ max_messages: count, expires: seenMs })) {
      await message.ackAck();
      if (++got === count) return;
    }
    throw new Error(`${functionName} got ${got} of ${count} messages of ${stream}`);
  }

  /** Subjects of a stream with the number of their messages. */
  async left(stream: StreamName = streams.events, filter = '>'): Promise<Record<string, number>> {
    return (await this.manager.streams.info(stream, { subjects_filter: filter })).state.subjects ?? {};
  }

  async untilGone(...subjects: readonly string[]): Promise<void> {
    const gone = async () => {
      const left = await this.left();
      return subjects.every((subject) => left[eventSubject(subject)] === undefined);
    };
    await this.eventually(gone, `${subjects.join(', ')} released`);
  }

  async eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    await eventually(condition, { timeoutMs: seenMs, what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trimmer?.close();
    this.#keeper?.close();
    await this.#broker[Symbol.asyncDispose]();
    if (this.#claimRoot !== undefined) rmSync(this.#claimRoot, { recursive: true, force: true });
  }

  get #claimDirectory(): string {
    this.#claimRoot ??= mkdtempSync(join(tmpdir(), 'pilotfish-claims-'));
    return this.#claimRoot;
  }

  #claims(place: ClaimPlace) {
    return { place, directory: this.#claimDirectory, token: 't', bytesMax: 2 ** 30 } as const;
  }
}
