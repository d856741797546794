/** The layout of packs: what goes in comes out, and no bytes whatever do worse than being refused. */
import { describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import {
  decodePack,
  encodeLeft,
  encodePack,
  isPlainPack,
  type PackMember,
  packedBytes,
  packMembersMax,
  readLeft,
  readMemberHeaders,
} from '#packs';
import { fc } from '../harness/properties.ts';

const member = fc.record({
  headers: fc.oneof(fc.constant(''), fc.dictionary(fc.string(), fc.string()).map(JSON.stringify)),
  payload: fc.uint8Array({ maxLength: 64 }),
});
const plain = (members: readonly PackMember[]) =>
  members.map(({ headers, payload }) => ({ headers, payload: [...payload] }));

/** What it is decoded to; undefined where it is refused as it should be. */
function tryDecode(bytes: Uint8Array): PackMember[] | undefined {
  try {
    return decodePack(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(PlatformError);
    expect(error).toMatchObject({ code: 'corrupt', message: expect.stringMatching(/^the pack cannot be read: /) });
    return undefined;
  }
}

describe('decodePack()', () => {
  it('gives back what encodePack() was given, wherever the bytes begin', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: packMembersMax }), fc.nat(7), (members, offset) => {
        const pack = encodePack(members);
        const shifted = Buffer.concat([Buffer.alloc(offset), pack]).subarray(offset);
        expect(plain(decodePack(shifted))).toEqual(plain(members));
        expect(isPlainPack(shifted, members.length)).toBe(members.every(({ headers }) => headers === ''));
        expect(pack.length).toBe(4 + members.reduce((sum, each) => sum + packedBytes(each), 0));
      }),
    );
  });

  it('refuses any bytes that encodePack() would not write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const members = tryDecode(bytes);
        if (members) expect([...encodePack(members)]).toEqual([...bytes]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses a pack with any byte of its table changed, or gives other members of the same bytes', () => {
    const count = fc.array(member, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(count, fc.nat(), fc.integer({ min: 1, max: 255 }), (members, where, change) => {
        const pack = encodePack(members);
        const at = where % (4 + 8 * members.length);
        pack[at] = (pack[at] ?? 0) ^ change;
        const decoded = tryDecode(pack);
        if (decoded) expect(encodePack(decoded).length).toBe(pack.length);
        if (decoded) expect(decoded.length).toBeLessThanOrEqual(packMembersMax);
      }),
    );
  });

  it('refuses a pack cut short, or with something behind it', () => {
    const pack = encodePack([{ headers: '{"a":"b"}', payload: Buffer.from('payload') }]);
    for (let length = 0; length < pack.length; length++) expect(tryDecode(pack.subarray(0, length))).toBeUndefined();
    expect(tryDecode(Buffer.concat([pack, Buffer.of(0)]))).toBeUndefined();
  });

  it('refuses more members than a pack may have before it looks for them', () => {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(0xffff_ffff);
    expect(() => decodePack(count)).toThrow('256 are the most');
  });
});

describe('a member', () => {
  it('has headers that are texts, without those of messages', () => {
    fc.assert(
      fc.property(fc.string(), (json) => {
        try {
          for (const value of Object.values(readMemberHeaders(json))) expect(typeof value).toBe('string');
        } catch (error) {
          expect(error).toMatchObject({ code: 'corrupt' });
        }
      }),
    );
    const json = JSON.stringify({ kind: 'dark', 'Nats-Msg-Id': '1', 'pilotfish-claim': 'x', 'Pilotfish-Pack': '1 2' });
    expect(readMemberHeaders(json)).toEqual({ kind: 'dark' });
    expect(() => readMemberHeaders('{"a":1}')).toThrow('a header of a member is no text');
    expect(() => readMemberHeaders('[]')).toThrow('no object');
    expect(() => readMemberHeaders('{')).toThrow('no JSON');
  });

  it('that a pack of results does not hold is named by its place', () => {
    expect(readLeft(encodeLeft([0, 3, 17]))).toEqual([0, 3, 17]);
    expect([readLeft(undefined), readLeft(''), readLeft('x,1')]).toEqual([[], [], [1]]);
  });
});
