/** The trimmer on a real nats-server: what is finished goes, what anybody may still need stays. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import {
  ClaimWriter,
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
  openedSubject,
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

async function publish(
  { connection, inbox }: BrokerMember,
  subject: string,
  pairs: [string, string][] = [],
): Promise<void> {
  const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const id: [string, string][] = pairs.some(([name]) => name === messageIdHeader)
    ? []
    : [[messageIdHeader, crypto.randomUUID()]];
  publisher.publish(subject, new Uint8Array(10), encodeHeaders([...id, ...pairs]), (error) =>
    error ? reject(error) : resolve(),
  );
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
