/** The trimmer on a real nats-server: what is finished goes, what anybody may still need stays. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
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
  streams,
} from '#broker';
import { systemClock } from '#common';
import { FunctionSpec } from '#proto';
import { createLogger } from '#telemetry';
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

describe('Trimmer', () => {
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
