/** The trimmer on a real nats-server: what is finished goes, what anybody may still need stays. */
import { describe, expect, it } from 'vitest';
import { eventSubject, gatherSubject, openedSubject, streams } from '#broker';
import { FunctionSpec } from '#proto';
import { gatherHeaders } from '../../platform/routing/gather/index.ts';
import { TrimmedBroker } from '../harness/trimmed-broker.ts';

const recon = FunctionSpec.fromPartial({
  name: 'recon',
  output: 'slice.{1}',
  triggers: [{ name: 'on0', subject: 'scan.*.frame', gather: { key: '{1}' } }],
});
const watch = FunctionSpec.fromPartial({ name: 'watch', triggers: [{ name: 'on0', subject: 'scan.>' }] });

describe('Trimmer', () => {
  it('releases the keys of a streaming gather by the event at their opening, and keeps that while the key is open', async () => {
    await using broker = await TrimmedBroker.start();
    await broker.consumer('recon', streams.gathers, openedSubject('recon', 'on0', '>'));
    const streaming = FunctionSpec.fromPartial({
      name: 'recon',
      triggers: [{ name: 'on0', subject: 'scan.*.frame', gather: { key: '{1}', streaming: true } }],
    });
    for (const scan of ['1', '2', '3', '1', '2']) await broker.publish(eventSubject(`scan.${scan}.frame`));
    // 1: its call ended well; 2: it is a dead letter; 3: its call has ended before the key has.
    for (const scan of ['1', '2', '3']) await broker.publish(openedSubject('recon', 'on0', scan));
    const streamed = [gatherHeaders.streamed, '1'] as const;
    await broker.closeKey('recon', '1', 1, 4, [streamed]);
    await broker.closeKey('recon', '2', 2, 5, [streamed]);
    await broker.mark('recon', 3);
    await broker.letterOfGather('recon', 2);
    broker.trim([streaming]);
    await broker.rounds(3);
    expect(await broker.left()).toEqual({ 'ev.scan.1.frame': 2, 'ev.scan.2.frame': 2, 'ev.scan.3.frame': 1 });
    await broker.ack('recon', streams.gathers, 3);
    await broker.untilGone('scan.1.frame');
    await broker.rounds(3);
    expect(await broker.left()).toEqual({ 'ev.scan.2.frame': 2, 'ev.scan.3.frame': 1 });
    await broker.manager.streams.deleteMessage(streams.deadLetters, 1);
    await broker.untilGone('scan.2.frame');
    expect(await broker.left()).toEqual({ 'ev.scan.3.frame': 1 });
  });

  it('releases finished gathers, keeps open and pinned ones and what a slower function has not read', async () => {
    await using broker = await TrimmedBroker.start();
    await broker.consumer('recon', streams.gathers, gatherSubject('recon', 'on0', '>'));
    // 1: open for long; 2: finished; 3: dead-lettered; 4: running; and results that nobody reads.
    for (const scan of ['1', '2', '3', '4', '2', '3', '4']) await broker.publish(eventSubject(`scan.${scan}.frame`));
    await broker.publish(eventSubject('slice.2'));
    for (const [at, scan] of ['2', '3', '4'].entries()) await broker.closeKey('recon', scan, at + 2, at + 5);
    await broker.mark('recon', 1);
    await broker.letterOfGather('recon', 2);
    await broker.ack('recon', streams.gathers, 2);
    broker.trim([recon, watch]);
    const all = {
      'ev.scan.1.frame': 1,
      'ev.scan.2.frame': 2,
      'ev.scan.3.frame': 2,
      'ev.scan.4.frame': 2,
      'ev.slice.2': 1,
    };
    // The second function has no consumer yet: nothing goes.
    await broker.rounds(3);
    expect(await broker.left()).toEqual(all);
    await broker.consumer('watch', streams.events, eventSubject('scan.>'));
    await broker.ack('watch', streams.events, 5);
    await broker.untilGone('scan.2.frame');
    const { 'ev.scan.2.frame': _, ...kept } = all;
    expect(await broker.left()).toEqual(kept);
    // The dead letter is purged: its parts are not pinned any more.
    await broker.ack('watch', streams.events, 2);
    await broker.manager.streams.deleteMessage(streams.deadLetters, 1);
    await broker.untilGone('scan.3.frame');
    expect(await broker.left()).toEqual({ 'ev.scan.1.frame': 1, 'ev.scan.4.frame': 2, 'ev.slice.2': 1 });
    // Its call ends, and the open key closes elsewhere: the watermark has passed everything.
    await broker.ack('recon', streams.gathers, 1);
    await broker.mark('recon', 9, 2);
    await broker.untilGone('scan.1.frame', 'scan.4.frame');
    expect(await broker.left()).toEqual({ 'ev.slice.2': 1 });
  });

  it('keeps what is younger than the duplicate window', async () => {
    await using broker = await TrimmedBroker.start();
    await broker.consumer('watch', streams.events, eventSubject('scan.>'));
    for (let at = 0; at < 5; at++) await broker.publish(eventSubject('scan.1.frame'));
    await broker.ack('watch', streams.events, 5);
    const storedAt = Date.now();
    broker.trim([watch], 3_000);
    await broker.untilGone('scan.1.frame');
    expect(Date.now() - storedAt).toBeGreaterThan(2_900);
  });
});
