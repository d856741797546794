/** Gathers on a real nats-server: one event a key, whoever dies meanwhile; the parts' bytes come out as they went in. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import {
  consumerName,
  EventPublisher,
  EventPuller,
  ensureConsumer,
  gatherLeaseMs,
  gatherSubject,
  type PulledEvent,
  streams,
} from '#broker';
import { systemClock } from '#common';
import type { GatheredPart } from '#frames';
import { FunctionVersion, WantedFunction } from '#proto';
import { type ClosedKey, decodeGatherEvent } from '#routing';
import { createLogger } from '#telemetry';
import { Gatherers } from '../../platform/agent/gather/gatherers.ts';
import { fetchGathered } from '../../platform/agent/gather/spool.ts';
import { BareBroker, type BrokerMember } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { draftScan, interleave, type PartDraft, payloadOf, publishParts, seededRandom } from '../harness/scan-source.ts';

const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, process.env['GATHER_LOG'] ?? 'silent');

function wanted(functionName: string, gather: { gapMs?: number; timeoutMs?: number; onIncomplete?: string } = {}): WantedFunction {
  return WantedFunction.fromPartial({
    pull: true,
    instances: 1,
    version: FunctionVersion.fromPartial({
      function: functionName,
      number: 1,
      digest: 'd1',
      spec: {
        name: functionName,
        triggers: [{ name: 'on0', subject: `${functionName}.*.frame`, gather: { key: '{1}', gapMs: 60_000, timeoutMs: 600_000, onIncomplete: 'run', ...gather } }],
      },
    }),
  });
}

/** An agent's gathering part, on a connection of its own. */
class GatheringNode {
  readonly member: BrokerMember;
  readonly publisher: EventPublisher;
  readonly gatherers: Gatherers;
  readonly #timer: NodeJS.Timeout;

  constructor(member: BrokerMember, node: string) {
    this.member = member;
    this.publisher = new EventPublisher({ connection: member.connection, inbox: member.inbox, clock: systemClock });
    this.#timer = setInterval(() => this.publisher.checkLost(), 500);
    this.gatherers = new Gatherers({ connection: member.connection, buckets: member.buckets, publisher: this.publisher, clock: systemClock, node, logger });
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
async function gatherEvents(broker: BareBroker, functionName: string): Promise<ClosedKey[]> {
  const connection = await broker.connect('viewer', `v${Math.random().toString(36).slice(2)}`);
  const consumer = await jetstream(connection).consumers.get(streams.gathers, { filter_subjects: gatherSubject(functionName, 'on0', '>') });
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

async function countGathers(member: BrokerMember): Promise<number> {
  return (await (await jetstreamManager(member.connection)).streams.info(streams.gathers)).state.messages;
}

/** What does not depend on where the messages were stored or when. */
function content({ key, subject, parts, missing, expected, reason }: ClosedKey): Partial<ClosedKey> {
  return { key, subject, parts, missing, expected, reason };
}

function scansOf(seed: number): PartDraft[] {
  const random = seededRandom(seed);
  const four = interleave(['a', 'b', 'c', 'd'].map((scan) => draftScan(scan, 500, random)), random);
  return [...draftScan('big', 2_000, random), ...four];
}

async function publish(broker: BareBroker, functionName: string, drafts: readonly PartDraft[], pause?: (at: number) => Promise<void> | undefined): Promise<void> {
  const member = await broker.member('gateway', 'src');
  await publishParts(member, drafts, (scan) => `${functionName}.${scan}.frame`, pause);
}

const expectedParts = (count: number) => ({ dark: 10, flat: 10, projection: count - 20 });
const wholeRun = ['a', 'b', 'big', 'c', 'd'].map((key) => ({ key, parts: expectedParts(key === 'big' ? 2_000 : 500), reason: 'complete' }));

describe('Gatherers', () => {
  it('closes one scan of 2,000 parts and four interleaved ones of 500, doubles and disorder on, once each', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const drafts = scansOf(1);
    await publish(broker, 'recon', drafts);
    await eventually(async () => (await countGathers(node.member)) >= 5, { timeoutMs: 15_000, what: 'five gather events' });
    const events = await gatherEvents(broker, 'recon');
    expect(events).toMatchObject(wholeRun);
    expect(events.map(({ subject }) => subject)).toEqual(wholeRun.map(({ key }) => `recon.${key}.frame`));
    const doubles = drafts.length - drafts.filter(({ part }) => part === 'end').length - 4_000;
    const counts = node.gatherers.counts('recon', 'on0');
    expect(counts).toMatchObject({ parts: 4_000, doubles, late: 0, refused: 0 });
    expect(node.gatherers.openKeys('recon')).toBe(0);
  });

  it('hands the gather over when the owner is cut off in the middle: the same events as undisturbed, once each', async () => {
    await using broker = await BareBroker.start();
    const drafts = scansOf(2);
    const first = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    await eventually(() => first.gatherers.counts('recon', 'on0'), { timeoutMs: 5_000, what: 'n1 gathering' });
    await using second = await GatheringNode.start(broker, 'n2', [wanted('recon')]);
    let cutAt = 0;
    await publish(broker, 'recon', drafts, (at) => {
      if (at !== 1_000 && at !== 3_000) return undefined;
      return eventually(() => (first.gatherers.counts('recon', 'on0') ?? second.gatherers.counts('recon', 'on0'))!.parts > at * 0.8, { timeoutMs: 10_000, what: 'parts read' }).then(async () => {
        if (at !== 1_000) return;
        cutAt = performance.now();
        await first.cut();
        await eventually(() => second.gatherers.counts('recon', 'on0'), { timeoutMs: 10_000, what: 'n2 gathering' });
        // One lease, one round, and what a busy machine needs.
        expect(performance.now() - cutAt).toBeLessThan(gatherLeaseMs + 3_000);
      });
    });
    await eventually(async () => (await countGathers(second.member)) >= 5, { timeoutMs: 15_000, what: 'five gather events' });
    const disturbed = await gatherEvents(broker, 'recon');
    // The same messages read by an undisturbed gatherer of another function with the same pattern.
    const other = wanted('again');
    other.version!.spec!.triggers[0]!.subject = 'recon.*.frame';
    await using third = await GatheringNode.start(broker, 'n3', [other]);
    await eventually(async () => (await countGathers(third.member)) >= 10, { timeoutMs: 15_000, what: 'five more gather events' });
    expect(disturbed).toEqual(await gatherEvents(broker, 'again'));
    expect(disturbed.map(content)).toMatchObject(wholeRun);
    await first.gatherers.close().catch(() => undefined);
  });

  it('survives kill -9 of the server in the middle of a scan: one event a key', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    await eventually(() => node.gatherers.counts('recon', 'on0'), { timeoutMs: 5_000, what: 'gathering' });
    await publish(broker, 'recon', scansOf(3), (at) => {
      if (at !== 1_000) return undefined;
      return eventually(() => node.gatherers.counts('recon', 'on0')!.parts > 500, { timeoutMs: 10_000, what: 'parts read' }).then(() => broker.killAndRestart());
    });
    await eventually(async () => (await countGathers(node.member)) >= 5, { timeoutMs: 20_000, what: 'five gather events' });
    const events = await gatherEvents(broker, 'recon');
    expect(events).toMatchObject(wholeRun);
  });

  it('closes by gap what never completes, names what is missing, and marks what is to be dead-lettered', async () => {
    await using broker = await BareBroker.start();
    const gap = { gapMs: 1_000 };
    const both = [wanted('recon', gap), wanted('strict', { ...gap, onIncomplete: 'dlq' })];
    await using node = await GatheringNode.start(broker, 'n1', both);
    const drafts = draftScan('x', 50, seededRandom(4)).filter(({ part }) => part !== 'projection:7' && part !== 'projection:8');
    await publish(broker, 'recon', drafts);
    await publish(broker, 'strict', drafts);
    await eventually(async () => (await countGathers(node.member)) === 2, { timeoutMs: 10_000, what: 'two gather events' });
    const closed = { reason: 'gap', missing: { projection: [[7, 8]] }, parts: { projection: 28 } };
    expect(await gatherEvents(broker, 'recon')).toMatchObject([closed]);
    expect(await gatherEvents(broker, 'strict')).toMatchObject([closed]);
    const manager = await jetstreamManager(node.member.connection);
    const refusals = await Promise.all([1, 2].map((seq) => manager.streams.getMessage(streams.gathers, { seq })));
    expect(refusals.map((stored) => [stored!.subject, stored!.header.get('Pilotfish-Parts-Refusal')]).sort()).toEqual([
      [gatherSubject('recon', 'on0', 'x'), ''],
      [gatherSubject('strict', 'on0', 'x'), 'incomplete:gap'],
    ]);
    // Parts that come now are late: one dead letter however many come.
    await publish(broker, 'strict', ['projection:7', 'projection:8'].map((part) => ({ scan: 'x', part, payload: payloadOf(part) })));
    await eventually(() => node.gatherers.counts('strict', 'on0')!.late === 2, { timeoutMs: 5_000, what: 'two late parts' });
    const deadLetters = async () => (await manager.streams.info(streams.deadLetters)).state.messages;
    await eventually(async () => (await deadLetters()) === 1, { timeoutMs: 5_000, what: 'a dead letter' });
    expect((await manager.streams.getMessage(streams.deadLetters, { seq: 1 }))!.json()).toMatchObject({ function: 'strict', reason: 'late part', key: 'x', kind: 'projection', index: 7 });
    // A new owner knows both keys as closed, although the watermark of the old one was not written since.
    await node.gatherers.close();
    await using next = await GatheringNode.start(broker, 'n2', both);
    await eventually(() => next.gatherers.counts('recon', 'on0') && next.gatherers.counts('strict', 'on0'), { timeoutMs: 5_000, what: 'n2 gathering' });
    await publish(broker, 'strict', [{ scan: 'z', part: 'end', expect: 'dark=0', payload: new Uint8Array(0) }]);
    await eventually(async () => (await countGathers(next.member)) === 3, { timeoutMs: 5_000, what: 'the key after' });
    expect(await deadLetters()).toBe(1);
  });

  it('dead-letters what is no part, a few a second, and gathers on', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const wrong = Array.from({ length: 200 }, (_, at) => ({ scan: 'x', part: `Projection ${at}`, payload: payloadOf('x') }));
    await publish(broker, 'recon', [...wrong, ...draftScan('x', 50, seededRandom(8))]);
    await eventually(async () => (await countGathers(node.member)) === 1, { timeoutMs: 10_000, what: 'the gather event' });
    expect(node.gatherers.counts('recon', 'on0')).toMatchObject({ refused: 200, parts: 50 });
    const manager = await jetstreamManager(node.member.connection);
    const { messages } = (await manager.streams.info(streams.deadLetters)).state;
    expect(messages).toBeGreaterThan(0);
    expect(messages).toBeLessThanOrEqual(50);
    expect((await manager.streams.getMessage(streams.deadLetters, { seq: 1 }))!.json()).toMatchObject({ reason: expect.stringContaining('not a part'), event: { sequence: 1 } });
  });
});

describe('fetchGathered()', () => {
  it('brings the parts into one private file, each index once, and fails when one is gone', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const { connection, inbox } = node.member;
    const gateway = await broker.connect('gateway', 'g');
    const manager = await jetstreamManager(gateway);
    await ensureConsumer(manager, streams.gathers, consumerName('recon', 'on0'), gatherSubject('recon', 'on0', '>'));
    const pulled: PulledEvent[] = [];
    const puller = new EventPuller({ connection, inbox, stream: streams.gathers, consumer: consumerName('recon', 'on0'), clock: systemClock, onEvent: (event) => void pulled.push(event) });
    puller.setCredit(10);
    await publish(broker, 'recon', interleave([draftScan('a', 500, seededRandom(5)), draftScan('b', 500, seededRandom(6))], seededRandom(7)));
    await eventually(() => pulled.length === 2, { timeoutMs: 10_000, what: 'two gather events' });
    const event = pulled.find(({ message }) => message.subject.endsWith('.a'))!;
    const root = mkdtempSync(join(tmpdir(), 'pilotfish-spool-'));
    const spoolDirectory = join(root, 'spool');
    try {
      const { header, remove } = await fetchGathered(event, { connection, inbox, spoolDirectory });
      expect(header).toMatchObject({ key: 'a', reason: 'complete', counts: expectedParts(500), missing: {} });
      expect(statSync(header.path).mode & 0o777).toBe(0o600);
      const bytes = readFileSync(header.path);
      const index = JSON.parse(bytes.subarray(0, header.indexBytes).toString('utf8')) as GatheredPart[];
      expect(index.map(({ kind, index: at }) => `${kind}:${at}`)).toEqual(Object.entries(expectedParts(500)).flatMap(([kind, count]) => Array.from({ length: count }, (_, at) => `${kind}:${at}`)));
      for (const { kind, index: at, offset, length } of index) {
        expect(Buffer.compare(bytes.subarray(offset, offset + length), payloadOf(`a/${kind}:${at}`))).toBe(0);
      }
      remove();
      expect(existsSync(header.path)).toBe(false);
      await manager.streams.deleteMessage(streams.events, index[100]!.sequence);
      await expect(fetchGathered(event, { connection, inbox, spoolDirectory })).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('part gone') });
    } finally {
      rmSync(root, { recursive: true, force: true });
      await puller.close();
    }
  });
});
