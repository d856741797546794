/** Gathers on a real nats-server: one event a key, whoever dies meanwhile. */
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { gatherLeaseMs, gatherSubject, streams } from '#broker';
import type { ClosedKey } from '#routing';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { countGathers, GatheringNode, gatherEvents, publish, wanted } from '../harness/gathering-node.ts';
import { draftScan, interleave, type PartDraft, payloadOf, seededRandom } from '../harness/scan-source.ts';

/** What does not depend on where the messages were stored or when. */
function content({ key, subject, parts, missing, expected, reason }: ClosedKey): Partial<ClosedKey> {
  return { key, subject, parts, missing, expected, reason };
}

function scansOf(seed: number): PartDraft[] {
  const random = seededRandom(seed);
  const four = interleave(
    ['a', 'b', 'c', 'd'].map((scan) => draftScan(scan, 500, random)),
    random,
  );
  return [...draftScan('big', 2_000, random), ...four];
}

const expectedParts = (count: number) => ({ dark: 10, flat: 10, projection: count - 20 });
const wholeRun = ['a', 'b', 'big', 'c', 'd'].map((key) => ({
  key,
  parts: expectedParts(key === 'big' ? 2_000 : 500),
  reason: 'complete',
}));

describe('Gatherers', () => {
  it('closes one scan of 2,000 parts and four interleaved ones of 500, doubles and disorder on, once each', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const drafts = scansOf(1);
    await publish(broker, 'recon', drafts);
    await eventually(async () => (await countGathers(node.member)) >= 5, {
      timeoutMs: 15_000,
      what: 'five gather events',
    });
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
      return eventually(
        () => (first.gatherers.counts('recon', 'on0') ?? second.gatherers.counts('recon', 'on0'))!.parts > at * 0.8,
        { timeoutMs: 10_000, what: 'parts read' },
      ).then(async () => {
        if (at !== 1_000) return;
        cutAt = performance.now();
        await first.cut();
        await eventually(() => second.gatherers.counts('recon', 'on0'), { timeoutMs: 10_000, what: 'n2 gathering' });
        // One lease, one round, and what a busy machine needs.
        expect(performance.now() - cutAt).toBeLessThan(gatherLeaseMs + 3_000);
      });
    });
    await eventually(async () => (await countGathers(second.member)) >= 5, {
      timeoutMs: 15_000,
      what: 'five gather events',
    });
    const disturbed = await gatherEvents(broker, 'recon');
    // The same messages read by an undisturbed gatherer of another function with the same pattern.
    const other = wanted('again');
    other.version!.spec!.triggers[0]!.subject = 'recon.*.frame';
    await using third = await GatheringNode.start(broker, 'n3', [other]);
    await eventually(async () => (await countGathers(third.member)) >= 10, {
      timeoutMs: 15_000,
      what: 'five more gather events',
    });
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
      return eventually(() => node.gatherers.counts('recon', 'on0')!.parts > 500, {
        timeoutMs: 10_000,
        what: 'parts read',
      }).then(() => broker.killAndRestart());
    });
    await eventually(async () => (await countGathers(node.member)) >= 5, {
      timeoutMs: 20_000,
      what: 'five gather events',
    });
    const events = await gatherEvents(broker, 'recon');
    expect(events).toMatchObject(wholeRun);
  });

  it('closes by gap what never completes, names what is missing, and marks what is to be dead-lettered', async () => {
    await using broker = await BareBroker.start();
    const gap = { gapMs: 1_000 };
    const both = [wanted('recon', gap), wanted('strict', { ...gap, onIncomplete: 'dlq' })];
    await using node = await GatheringNode.start(broker, 'n1', both);
    const drafts = draftScan('x', 50, seededRandom(4)).filter(
      ({ part }) => part !== 'projection:7' && part !== 'projection:8',
    );
    await publish(broker, 'recon', drafts);
    await publish(broker, 'strict', drafts);
    await eventually(async () => (await countGathers(node.member)) === 2, {
      timeoutMs: 10_000,
      what: 'two gather events',
    });
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
    await publish(
      broker,
      'strict',
      ['projection:7', 'projection:8'].map((part) => ({ scan: 'x', part, payload: payloadOf(part) })),
    );
    await eventually(() => node.gatherers.counts('strict', 'on0')!.late === 2, {
      timeoutMs: 5_000,
      what: 'two late parts',
    });
    const deadLetters = async () => (await manager.streams.info(streams.deadLetters)).state.messages;
    await eventually(async () => (await deadLetters()) === 1, { timeoutMs: 5_000, what: 'a dead letter' });
    expect((await manager.streams.getMessage(streams.deadLetters, { seq: 1 }))!.json()).toMatchObject({
      function: 'strict',
      reason: 'late part',
      key: 'x',
      kind: 'projection',
      index: 7,
    });
    // A new owner knows both keys as closed, although the watermark of the old one was not written since.
    await node.gatherers.close();
    await using next = await GatheringNode.start(broker, 'n2', both);
    await eventually(() => next.gatherers.counts('recon', 'on0') && next.gatherers.counts('strict', 'on0'), {
      timeoutMs: 5_000,
      what: 'n2 gathering',
    });
    await publish(broker, 'strict', [{ scan: 'z', part: 'end', expect: 'dark=0', payload: new Uint8Array(0) }]);
    await eventually(async () => (await countGathers(next.member)) === 3, { timeoutMs: 5_000, what: 'the key after' });
    expect(await deadLetters()).toBe(1);
  });

  it('dead-letters what is no part, a few a second, and gathers on', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const wrong = Array.from({ length: 200 }, (_, at) => ({
      scan: 'x',
      part: `Projection ${at}`,
      payload: payloadOf('x'),
    }));
    await publish(broker, 'recon', [...wrong, ...draftScan('x', 50, seededRandom(8))]);
    await eventually(async () => (await countGathers(node.member)) === 1, {
      timeoutMs: 10_000,
      what: 'the gather event',
    });
    expect(node.gatherers.counts('recon', 'on0')).toMatchObject({ refused: 200, parts: 50 });
    const manager = await jetstreamManager(node.member.connection);
    const { messages } = (await manager.streams.info(streams.deadLetters)).state;
    expect(messages).toBeGreaterThan(0);
    expect(messages).toBeLessThanOrEqual(50);
    expect((await manager.streams.getMessage(streams.deadLetters, { seq: 1 }))!.json()).toMatchObject({
      reason: expect.stringContaining('not a part'),
      event: { sequence: 1 },
    });
  });
});
