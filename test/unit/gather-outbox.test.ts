/** What a gatherer publishes: tried again until it is stored, and the close of a streaming key never before its opening. */
import { describe, expect, it } from 'vitest';
import { type EventPublisher, encodeHeaders } from '#broker';
import { PlatformError } from '#common';
import { GatherOutbox } from '../../platform/agent/gather/gather-outbox.ts';

type Done = (error?: PlatformError) => void;

function outbox() {
  const sent: { readonly subject: string; readonly done: Done }[] = [];
  const clock = { now: 0, monotonic: () => clock.now };
  const publisher = {
    publish: (subject: string, _payload: Uint8Array, _headers: unknown, done: Done) => sent.push({ subject, done }),
  } as unknown as EventPublisher;
  const box = new GatherOutbox({ publisher, clock: clock as never, onRefused: () => undefined });
  const add = (subject: string, holdsFrom: number, behind?: string) =>
    box.add({
      subject,
      holdsFrom,
      payload: new Uint8Array(0),
      headers: encodeHeaders([]),
      ...(behind ? { behind } : {}),
    });
  const subjects = () => sent.map(({ subject }) => subject);
  return { box, add, sent, subjects, clock };
}

describe('the outbox of a gatherer', () => {
  it('sends a close when its opening is stored, and holds the watermark at both', () => {
    const { box, add, sent, subjects } = outbox();
    add('open.a', 5);
    add('close.a', 5, 'open.a');
    add('close.b', 9, 'open.b');
    expect(subjects()).toEqual(['open.a', 'close.b']);
    expect(box.lowest).toBe(5);
    sent[0]?.done();
    expect(subjects()).toEqual(['open.a', 'close.b', 'close.a']);
    expect(box.lowest).toBe(5);
    sent[2]?.done();
    sent[1]?.done();
    expect([box.size, box.lowest]).toEqual([0, undefined]);
  });

  it('keeps a close waiting while its opening is refused, and takes a conflict for stored', () => {
    const { box, add, sent, subjects, clock } = outbox();
    add('open.a', 5);
    add('close.a', 5, 'open.a');
    sent[0]?.done(new PlatformError('unavailable', 'the stream is full'));
    box.tick();
    expect(subjects()).toEqual(['open.a']);
    clock.now += 1_000;
    box.tick();
    expect(subjects()).toEqual(['open.a', 'open.a']);
    sent[1]?.done(new PlatformError('conflict', 'it is there already'));
    expect(subjects()).toEqual(['open.a', 'open.a', 'close.a']);
    box.drop();
    sent[2]?.done(new PlatformError('unavailable', 'gone'));
    expect(box.size).toBe(0);
  });
});
