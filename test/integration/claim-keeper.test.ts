/** Claimed payloads on a real nats-server: each goes with its event, and stays with one that somebody may still need. */
import { describe, expect, it } from 'vitest';
import { ClaimWriter, EventPublisher, encodeRetry, eventSubject, gatherSubject, orderSubject, streams } from '#broker';
import { systemClock } from '#common';
import { FunctionSpec } from '#proto';
import { TrimmedBroker } from '../harness/trimmed-broker.ts';

const recon = FunctionSpec.fromPartial({
  name: 'recon',
  triggers: [{ name: 'on0', subject: 'scan.*.frame', gather: { key: '{1}' } }],
});
const watch = FunctionSpec.fromPartial({ name: 'watch', triggers: [{ name: 'on0', subject: 'scan.>' }] });
const line = FunctionSpec.fromPartial({
  name: 'line',
  order: { key: '{1}' },
  triggers: [{ name: 'on0', subject: 'line.*' }],
});

describe('a claimed payload', () => {
  it('goes with its event: from the shared directory, from another node, from the stream of chunks', async () => {
    await using broker = await TrimmedBroker.start();
    await broker.consumer('watch', streams.events, eventSubject('scan.>'));
    const keeper = await broker.keepClaims();
    const source = await broker.source('s1');
    for (const number of [1, 2, 3]) await source.publish(`scan.${number}`, new Uint8Array(2_000));
    await source.publish('other.1', new Uint8Array(2_000));
    await source.flush();
    const far = await broker.source('s1.far', 'stream');
    await far.publish('scan.4', new Uint8Array(3_000_000));
    await far.flush();
    const elsewhere = { place: 'n7', name: 'a'.repeat(24), subject: 'scan.1', sequence: 1 };
    new ClaimWriter(undefined, new EventPublisher({ ...broker.member, clock: systemClock })).note(elsewhere);
    const stored = async (filter: string) => Object.keys(await broker.left(streams.claims, filter)).length;
    expect({ files: broker.files, chunks: await stored('claim.chunk.>') }).toEqual({ files: 4, chunks: 3 });
    broker.trim([watch]);
    const waiting = [{ pattern: 'scan.*', after: 0 }];
    await broker.eventually(() => keeper.waitingOn(waiting).get('n7') === 1, 'a payload on n7');
    await broker.ack('watch', streams.events, 2);
    await broker.eventually(() => broker.files === 2, 'two payloads gone');
    await broker.eventually(() => broker.released.length > 0, 'a node told to let go');
    expect(broker.released[0]).toEqual(['n7', 'a'.repeat(24)]);
    expect(await stored('claim.chunk.>')).toBe(3);
    await broker.ack('watch', streams.events, 2);
    // Only what nobody reads is left: it waits for a function, or for its time to be over.
    const allButOne = async () => broker.files === 1 && (await stored('claim.chunk.>')) === 0;
    await broker.eventually(allButOne, 'all payloads gone but one');
    await broker.eventually(async () => (await stored('claim.note.>')) <= 3, 'notes gone');
  });

  it('stays while its event is in line, or a part of a gather that a dead letter pins', async () => {
    await using broker = await TrimmedBroker.start();
    await broker.consumer('recon', streams.gathers, gatherSubject('recon', 'on0', '>'));
    await broker.keepClaims();
    const source = await broker.source('s4');
    // 1 and 2: in line. 3 and 4: parts of a scan whose gather event is acked and dead-lettered. 5: of one that is done.
    for (const subject of ['line.a', 'line.b', 'scan.1.frame', 'scan.1.frame', 'scan.2.frame'])
      await source.publish(subject, new Uint8Array(2_000));
    await source.flush();
    for (const [at, key] of ['a', 'b'].entries()) {
      const origin = { stream: streams.events, sequence: at + 1, timeMs: 0, subject: eventSubject(`line.${key}`) };
      const headers = encodeRetry(origin, { notBeforeMs: 0, redriven: 0 }, {}, `line.${at}`);
      await broker.store(orderSubject('line', 'on0', at), headers);
    }
    await broker.closeKey('recon', '1', 3, 4);
    await broker.closeKey('recon', '2', 5, 5);
    await broker.letterOfGather('recon', 1);
    await broker.ack('recon', streams.gathers, 2);
    for (const name of ['recon', 'line']) await broker.mark(name, 6);
    broker.trim([recon, line]);
    await broker.eventually(() => broker.files === 4, 'the payload of the scan that is done is gone');
    await broker.rounds(3);
    expect(broker.files).toBe(4);
    await broker.manager.streams.deleteMessage(streams.ordered, 1);
    await broker.eventually(() => broker.files === 3, 'the payload of the event that left its line is gone');
    await broker.manager.streams.deleteMessage(streams.deadLetters, 1);
    await broker.eventually(() => broker.files === 1, 'the payloads of the scan whose dead letter was purged are gone');
    await broker.rounds(3);
    expect(broker.files).toBe(1);
  });
});
