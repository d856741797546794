/** The trimmer on a real nats-server: what is finished goes, what anybody may still need stays. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import {
  ClaimWriter,
  consumerName,
  deadLetterSubject,
  EventPublisher,
  encodeHeaders,
  encodeRetry,
  ensureConsumer,
  eventSubject,
  gatherKey,
  gatherSubject,
  messageIdHeader,
  openClaimFolder,
  openedSubject,
  orderSubject,
  streams,
} from '#broker';
import { EventClient } from '#client';
import { systemClock } from '#common';
import { FunctionSpec } from '#proto';
import { createLogger } from '#telemetry';
import { ClaimKeeper } from '../../platform/gateway/claim-keeper.ts';
import { Trimmer } from '../../platform/gateway/trimmer.ts';
import { gatherHeaders } from '../../platform/routing/gather/index.ts';
import { BareBroker, type BrokerMember } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';

const logger = createLogger({ pilot: 'test', node: 'test', process: 'test' }, process.env['TRIM_LOG'] ?? 'silent');
const recon = FunctionSpec.fromPartial({
  name: 'recon',
  output: 'slice.{1}',
  triggers: [{ name: 'on0', subject: 'scan.*.frame', gather: { key: '{1}' } }],
});
const watch = FunctionSpec.fromPartial({ name: 'watch', triggers: [{ name: 'on0', subject: 'scan.>' }] });

function publish(member: BrokerMember, subject: string, pairs: [string, string][] = []): Promise<void> {
  const id: [string, string][] = pairs.some(([name]) => name === messageIdHeader)
    ? []
    : [[messageIdHeader, crypto.randomUUID()]];
  return store(member, subject, encodeHeaders([...id, ...pairs]));
}

async function store({ connection, inbox }: BrokerMember, subject: string, headers: MsgHdrs): Promise<void> {
  const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  publisher.publish(subject, new Uint8Array(10), headers, (error) => (error ? reject(error) : resolve()));
  await promise.finally(() => publisher.close());
}

/** Pulls and acks `count` messages of a consumer. */
async function ack({ connection }: BrokerMember, stream: string, consumer: string, count: number): Promise<void> {
  const messages = await (await jetstream(connection).consumers.get(stream, consumer)).fetch({
    max_messages: count,
    expires: 2_000,
  });
  let got = 0;
  for await (const message of messages) {
    await message.ackAck();
    if (++got === count) break;
  }
  expect(got).toBe(count);
}

const closedKey = (scan: string, first: number, last: number): [string, string][] => [
  [gatherHeaders.subject, `scan.${scan}.frame`],
  [gatherHeaders.span, `${first}-${last}`],
  [gatherHeaders.closed, `complete:${Date.now()}`],
];

describe('ClaimKeeper', () => {
  it('lets a claimed payload go with its event, and keeps that of one which somebody may still need', async () => {
    await using broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g3');
    const manager = await jetstreamManager(member.connection);
    const root = mkdtempSync(join(tmpdir(), 'pilotfish-claims-'));
    const claims = { place: 'shared', directory: root, token: 't', bytesMax: 2 ** 30 } as const;
    const folder = await openClaimFolder(claims, 'n1');
    const connection = await broker.connect('source', 's1');
    const source = new EventClient(connection, 'source', 's1', { claims, claimOverBytes: 1_000 });
    const chunked = { ...claims, place: 'stream' } as const;
    const far = new EventClient(connection, 'source', 's1.far', { claims: chunked, claimOverBytes: 1_000 });
    await ensureConsumer(manager, streams.events, consumerName('watch', 'on0'), eventSubject('scan.>'));
    const released: string[][] = [];
    const keeper = new ClaimKeeper({
      ...member,
      manager,
      folder,
      releaseAt: async (node, names) => void released.push([node, ...names]),
      clock: systemClock,
      logger,
    });
    const trimmer = new Trimmer({
      ...member,
      manager,
      claims: keeper,
      functions: () => [watch],
      clock: systemClock,
      logger,
      windowMs: 1,
      everyMs: 100,
    });
    const files = () => readdirSync(join(root, 'shared')).filter((name) => !name.startsWith('.')).length;
    const stored = async (filter: string) =>
      Object.keys((await manager.streams.info(streams.claims, { subjects_filter: filter })).state.subjects ?? {})
        .length;
    try {
      await source.open();
      await far.open();
      for (const number of [1, 2, 3]) await source.publish(`scan.${number}`, new Uint8Array(2_000));
      await source.publish('other.1', new Uint8Array(2_000));
      await source.flush();
      await far.publish('scan.4', new Uint8Array(3_000_000));
      await far.flush();
      new ClaimWriter(undefined, new EventPublisher({ ...member, clock: systemClock })).note({
        place: 'n7',
        name: 'a'.repeat(24),
        subject: 'scan.1',
        sequence: 1,
      });
      expect({ files: files(), chunks: await stored('claim.chunk.>') }).toEqual({ files: 4, chunks: 3 });
      const waiting = [{ pattern: 'scan.*', after: 0 }];
      await eventually(() => keeper.waitingOn(waiting).get('n7') === 1, { timeoutMs: 10_000, what: 'a payload on n7' });
      await ack(member, streams.events, consumerName('watch', 'on0'), 2);
      await eventually(() => files() === 2, { timeoutMs: 10_000, what: 'two payloads gone' });
      await eventually(() => released.length > 0, { timeoutMs: 10_000, what: 'a node told to let go' });
      expect(released[0]).toEqual(['n7', 'a'.repeat(24)]);
      expect(await stored('claim.chunk.>')).toBe(3);
      await ack(member, streams.events, consumerName('watch', 'on0'), 2);
      // Only what nobody reads is left: it waits for a function, or for its time to be over.
      await eventually(async () => files() === 1 && (await stored('claim.chunk.>')) === 0, {
        timeoutMs: 10_000,
        what: 'all payloads gone but one',
      });
      await eventually(async () => (await stored('claim.note.>')) <= 3, { timeoutMs: 10_000, what: 'notes gone' });
    } finally {
      await trimmer.close();
      keeper.close();
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('a claimed payload', () => {
  it('stays while its event is in line, or a part of a gather that a dead letter pins', async () => {
    await using broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g4');
    const manager = await jetstreamManager(member.connection);
    const root = mkdtempSync(join(tmpdir(), 'pilotfish-claims-'));
    const claims = { place: 'shared', directory: root, token: 't', bytesMax: 2 ** 30 } as const;
    const source = new EventClient(await broker.connect('source', 's4'), 'source', 's4', {
      claims,
      claimOverBytes: 1_000,
    });
    const line = FunctionSpec.fromPartial({
      name: 'line',
      order: { key: '{1}' },
      triggers: [{ name: 'on0', subject: 'line.*' }],
    });
    await ensureConsumer(manager, streams.gathers, consumerName('recon', 'on0'), gatherSubject('recon', 'on0', '>'));
    const keeper = new ClaimKeeper({
      ...member,
      manager,
      folder: await openClaimFolder(claims, 'n1'),
      releaseAt: async () => undefined,
      clock: systemClock,
      logger,
    });
    const trimmer = new Trimmer({
      ...member,
      manager,
      claims: keeper,
      functions: () => [recon, line],
      clock: systemClock,
      logger,
      windowMs: 1,
      everyMs: 100,
    });
    const files = () => readdirSync(join(root, 'shared')).filter((name) => !name.startsWith('.')).length;
    const gone = (left: number, what: string) => eventually(() => files() === left, { timeoutMs: 20_000, what });
    const after = async (rounds: number) => {
      const begun = trimmer.rounds;
      await eventually(() => trimmer.rounds >= begun + rounds, { timeoutMs: 20_000, what: `${rounds} rounds` });
    };
    try {
      await source.open();
      // 1 and 2: in line. 3 and 4: parts of a scan whose gather event is acked and dead-lettered. 5: of one that is done.
      for (const subject of ['line.a', 'line.b', 'scan.1.frame', 'scan.1.frame', 'scan.2.frame'])
        await source.publish(subject, new Uint8Array(2_000));
      await source.flush();
      for (const [at, key] of ['a', 'b'].entries()) {
        const origin = { stream: streams.events, sequence: at + 1, timeMs: 0, subject: eventSubject(`line.${key}`) };
        const headers = encodeRetry(origin, { notBeforeMs: 0, redriven: 0 }, {}, `line.${at}`);
        await store(member, orderSubject('line', 'on0', at), headers);
      }
      await publish(member, gatherSubject('recon', 'on0', '1'), closedKey('1', 3, 4));
      await publish(member, gatherSubject('recon', 'on0', '2'), closedKey('2', 5, 5));
      await publish(member, deadLetterSubject('recon'), [[messageIdHeader, `dlq.recon.on0.${streams.gathers}.1`]]);
      await ack(member, streams.gathers, consumerName('recon', 'on0'), 2);
      for (const name of ['recon', 'line'])
        await member.buckets.gatherMarks.put(gatherKey(name, 'on0'), JSON.stringify({ v: 1, epoch: 1, sequence: 6 }));
      await gone(4, 'the payload of the scan that is done');
      await after(3);
      expect(files()).toBe(4);
      await manager.streams.deleteMessage(streams.ordered, 1);
      await gone(3, 'the payload of the event that left its line');
      await manager.streams.deleteMessage(streams.deadLetters, 1);
      await gone(1, 'the payloads of the scan whose dead letter was purged');
      await after(3);
      expect(files()).toBe(1);
    } finally {
      await trimmer.close();
      keeper.close();
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('Trimmer', () => {
  it('releases the keys of a streaming gather by the event at their opening, and keeps that while the key is open', async () => {
    await using broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g5');
    const manager = await jetstreamManager(member.connection);
    const filter = openedSubject('recon', 'on0', '>');
    await ensureConsumer(manager, streams.gathers, consumerName('recon', 'on0'), filter);
    const streaming = FunctionSpec.fromPartial({
      name: 'recon',
      triggers: [{ name: 'on0', subject: 'scan.*.frame', gather: { key: '{1}', streaming: true } }],
    });
    for (const scan of ['1', '2', '3', '1', '2']) await publish(member, eventSubject(`scan.${scan}.frame`));
    // 1: its call ended well; 2: it is a dead letter; 3: its call has ended before the key has.
    for (const scan of ['1', '2', '3']) await publish(member, openedSubject('recon', 'on0', scan));
    const streamed: [string, string] = [gatherHeaders.streamed, '1'];
    await publish(member, gatherSubject('recon', 'on0', '1'), [...closedKey('1', 1, 4), streamed]);
    await publish(member, gatherSubject('recon', 'on0', '2'), [...closedKey('2', 2, 5), streamed]);
    await member.buckets.gatherMarks.put(gatherKey('recon', 'on0'), JSON.stringify({ v: 1, epoch: 1, sequence: 3 }));
    await publish(member, deadLetterSubject('recon'), [[messageIdHeader, `dlq.recon.on0.${streams.gathers}.2`]]);
    const trimmer = new Trimmer({
      ...member,
      manager,
      functions: () => [streaming],
      clock: systemClock,
      logger,
      windowMs: 1,
      everyMs: 100,
    });
    try {
      const left = async () => (await manager.streams.info(streams.events, { subjects_filter: '>' })).state.subjects;
      await eventually(() => trimmer.rounds >= 3, { timeoutMs: 20_000, what: 'three rounds' });
      expect(await left()).toEqual({ 'ev.scan.1.frame': 2, 'ev.scan.2.frame': 2, 'ev.scan.3.frame': 1 });
      await ack(member, streams.gathers, consumerName('recon', 'on0'), 3);
      await eventually(async () => (await left())?.['ev.scan.1.frame'] === undefined, {
        timeoutMs: 20_000,
        what: 'scan 1 released',
      });
      const begun = trimmer.rounds;
      await eventually(() => trimmer.rounds >= begun + 3, { timeoutMs: 20_000, what: 'three more rounds' });
      expect(await left()).toEqual({ 'ev.scan.2.frame': 2, 'ev.scan.3.frame': 1 });
      await manager.streams.deleteMessage(streams.deadLetters, 1);
      await eventually(async () => (await left())?.['ev.scan.2.frame'] === undefined, {
        timeoutMs: 20_000,
        what: 'scan 2 released',
      });
      expect(await left()).toEqual({ 'ev.scan.3.frame': 1 });
    } finally {
      await trimmer.close();
    }
  });

  it('releases finished gathers, keeps open and pinned ones and what a slower function has not read', async () => {
    await using broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g1');
    const manager = await jetstreamManager(member.connection);
    await ensureConsumer(manager, streams.gathers, consumerName('recon', 'on0'), gatherSubject('recon', 'on0', '>'));
    // 1: open for long; 2: finished; 3: dead-lettered; 4: running; and results that nobody reads.
    for (const scan of ['1', '2', '3', '4', '2', '3', '4']) await publish(member, eventSubject(`scan.${scan}.frame`));
    await publish(member, eventSubject('slice.2'));
    for (const [at, scan] of ['2', '3', '4'].entries())
      await publish(member, gatherSubject('recon', 'on0', scan), closedKey(scan, at + 2, at + 5));
    await member.buckets.gatherMarks.put(gatherKey('recon', 'on0'), JSON.stringify({ v: 1, epoch: 1, sequence: 1 }));
    await publish(member, deadLetterSubject('recon'), [[messageIdHeader, `dlq.recon.on0.${streams.gathers}.2`]]);
    await ack(member, streams.gathers, consumerName('recon', 'on0'), 2);

    const trimmer = new Trimmer({
      ...member,
      manager,
      functions: () => [recon, watch],
      clock: systemClock,
      logger,
      windowMs: 1,
      everyMs: 100,
    });
    try {
      const left = async () => {
        const { state } = await manager.streams.info(streams.events, { subjects_filter: '>' });
        return state.subjects;
      };
      const all = {
        'ev.scan.1.frame': 1,
        'ev.scan.2.frame': 2,
        'ev.scan.3.frame': 2,
        'ev.scan.4.frame': 2,
        'ev.slice.2': 1,
      };
      // The second function has no consumer yet: nothing goes.
      await eventually(() => trimmer.rounds >= 3, { timeoutMs: 10_000, what: 'three rounds' });
      expect(await left()).toEqual(all);
      await ensureConsumer(manager, streams.events, consumerName('watch', 'on0'), eventSubject('scan.>'));
      await ack(member, streams.events, consumerName('watch', 'on0'), 5);
      await eventually(async () => (await left())?.['ev.scan.2.frame'] === undefined, {
        timeoutMs: 10_000,
        what: 'scan 2 released',
      });
      const { 'ev.scan.2.frame': _, ...kept } = all;
      expect(await left()).toEqual(kept);
      // The dead letter is purged: its parts are not pinned any more.
      await ack(member, streams.events, consumerName('watch', 'on0'), 2);
      await manager.streams.deleteMessage(streams.deadLetters, 1);
      await eventually(async () => (await left())?.['ev.scan.3.frame'] === undefined, {
        timeoutMs: 10_000,
        what: 'scan 3 released',
      });
      expect(await left()).toEqual({ 'ev.scan.1.frame': 1, 'ev.scan.4.frame': 2, 'ev.slice.2': 1 });
      // Its call ends, and the open key closes elsewhere: the watermark has passed everything.
      await ack(member, streams.gathers, consumerName('recon', 'on0'), 1);
      await member.buckets.gatherMarks.put(gatherKey('recon', 'on0'), JSON.stringify({ v: 1, epoch: 2, sequence: 9 }));
      await eventually(async () => Object.keys((await left()) ?? {}).length === 1, {
        timeoutMs: 10_000,
        what: 'everything but the result released',
      });
      expect(await left()).toEqual({ 'ev.slice.2': 1 });
    } finally {
      await trimmer.close();
    }
  });

  it('keeps what is younger than the duplicate window', async () => {
    await using broker = await BareBroker.start();
    const member = await broker.member('gateway', 'g1');
    const manager = await jetstreamManager(member.connection);
    await ensureConsumer(manager, streams.events, consumerName('watch', 'on0'), eventSubject('scan.>'));
    for (let at = 0; at < 5; at++) await publish(member, eventSubject('scan.1.frame'));
    await ack(member, streams.events, consumerName('watch', 'on0'), 5);
    const storedAt = Date.now();
    const trimmer = new Trimmer({
      ...member,
      manager,
      functions: () => [watch],
      clock: systemClock,
      logger,
      windowMs: 3_000,
      everyMs: 100,
    });
    try {
      await eventually(async () => (await manager.streams.info(streams.events)).state.messages === 0, {
        timeoutMs: 10_000,
        what: 'all gone',
      });
      expect(Date.now() - storedAt).toBeGreaterThan(2_900);
    } finally {
      await trimmer.close();
    }
  });
});
