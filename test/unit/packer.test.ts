/** How a source's events come together in packs. */
import { describe, expect, it } from 'vitest';
import { decodePack, packMembersMax } from '#packs';
import { packBytesMax } from '../../platform/client/limits.ts';
import { Packer } from '../../platform/client/packer.ts';

interface Sent {
  readonly subject: string;
  readonly texts: string[];
  readonly header: string;
}

/** Sends that settle when they are let go. */
function sink() {
  const sent: Sent[] = [];
  const held: PromiseWithResolvers<void>[] = [];
  let holding = false;
  const packer = new Packer((subject, pack, [header], events) => {
    const members = decodePack(pack);
    expect(members).toHaveLength(events);
    sent.push({ subject, header: header?.join(': ') ?? '', texts: members.map(({ payload }) => String(payload)) });
    if (!holding) return Promise.resolve();
    const waiting = Promise.withResolvers<void>();
    held.push(waiting);
    return waiting.promise;
  });
  const hold = () => {
    holding = true;
    return held;
  };
  return { packer, sent, hold };
}

const event = (text: string | number) => ({ headers: '', payload: Buffer.from(String(text)) });

describe('Packer', () => {
  it('sends a pack when it is full, the rest at a flush, each subject by itself and in order', async () => {
    const { packer, sent } = sink();
    for (let number = 0; number < packMembersMax; number++) await packer.add('full', event(number));
    expect(sent).toEqual([
      { subject: 'full', header: 'Pilotfish-Pack: 1 256', texts: Array.from({ length: 256 }, (_, at) => `${at}`) },
    ]);
    await packer.add('b', event('b1'));
    await packer.add('a', event('a1'));
    await packer.add('b', event('b2'));
    await packer.flush('a');
    await packer.flush();
    expect(sent.slice(1)).toEqual([
      { subject: 'a', header: 'Pilotfish-Pack: 1 1', texts: ['a1'] },
      { subject: 'b', header: 'Pilotfish-Pack: 1 2', texts: ['b1', 'b2'] },
    ]);
  });

  it('sends what nobody flushes a moment later', async () => {
    const { packer, sent } = sink();
    await packer.add('a', event('alone'));
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]?.texts).toEqual(['alone']);
  });

  it('bounds the bytes of a pack', async () => {
    const { packer, sent } = sink();
    const large = 'x'.repeat(16 * 2 ** 10);
    for (let number = 0; number < 20; number++) await packer.add('a', event(large));
    await packer.flush();
    expect(sent.flatMap(({ texts }) => texts)).toHaveLength(20);
    for (const { texts } of sent) expect(texts.join('').length).toBeLessThanOrEqual(packBytesMax);
  });

  it('takes nothing more while a pack waits for room', async () => {
    const { packer, sent, hold } = sink();
    const held = hold();
    await packer.add('a', event('first'));
    const flushed = packer.flush();
    let taken = false;
    const second = packer.add('a', event('second')).then(() => {
      taken = true;
    });
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect([taken, sent.length]).toEqual([false, 1]);
    held[0]?.resolve();
    await Promise.all([flushed, second]);
    expect(taken).toBe(true);
    packer.close();
  });

  it('tells what a pack failed with at the next event', async () => {
    const { packer, hold } = sink();
    const held = hold();
    await packer.add('a', event('first'));
    const flushed = packer.flush();
    held[0]?.reject(new Error('the stream is gone'));
    await expect(flushed).rejects.toThrow('the stream is gone');
    await expect(packer.add('a', event('second'))).rejects.toThrow('the stream is gone');
  });
});
