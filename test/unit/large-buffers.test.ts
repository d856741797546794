/** Memory that is used again: never by two at once. */
import { describe, expect, it } from 'vitest';
import { borrowBuffer, giveBackBuffer } from '#common';
import { fc } from '../harness/properties.ts';

const mebibyte = 2 ** 20;

describe('large buffers', () => {
  it('are used again by payloads of nearly the same size', () => {
    const first = borrowBuffer(2 * mebibyte + 17);
    giveBackBuffer(first.subarray(100, 200));
    const second = borrowBuffer(2 * mebibyte + 300);
    expect([second.buffer === first.buffer, second.length]).toEqual([true, 2 * mebibyte + 300]);
    // Given back twice, or by somebody who has made it himself, it is not there for two.
    giveBackBuffer(second);
    giveBackBuffer(second);
    giveBackBuffer(new Uint8Array(2 * mebibyte));
    const [third, fourth] = [borrowBuffer(2 * mebibyte + 17), borrowBuffer(2 * mebibyte + 17)];
    expect(third.buffer).toBe(first.buffer);
    expect(fourth.buffer).not.toBe(first.buffer);
  });

  it('are never those of a payload that somebody still has', () => {
    const step = fc.record({ length: fc.integer({ min: 1, max: 3 * mebibyte }), drop: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const held: { payload: Buffer; mark: number }[] = [];
        for (const [mark, { length, drop }] of steps.entries()) {
          const payload = borrowBuffer(length);
          expect(payload.length).toBe(length);
          payload.writeUInt8(mark, 0);
          payload.writeUInt8(mark, length - 1);
          held.push({ payload, mark });
          if (drop < held.length) for (const { payload: done } of held.splice(drop, 1)) giveBackBuffer(done);
          for (const { payload: kept, mark: own } of held) expect([kept[0], kept.at(-1)]).toEqual([own, own]);
        }
        for (const { payload } of held) giveBackBuffer(payload);
      }),
    );
  });

  it('of which many wait are left to the garbage collector', () => {
    const many = Array.from({ length: 40 }, () => borrowBuffer(mebibyte));
    for (const payload of many) giveBackBuffer(payload);
    const again = new Set(Array.from({ length: 40 }, () => borrowBuffer(mebibyte).buffer));
    expect(many.filter(({ buffer }) => again.has(buffer)).length).toBeLessThanOrEqual(32);
  });
});
