/** Our signatures are the library's, which is slow; seeds that are none are refused. */
import { createPair, fromPublic, Prefix } from '@nats-io/nkeys';
import { describe, expect, it } from 'vitest';
import { createNatsKey, natsSigner } from '#security';
import { fc } from '../harness/properties.ts';

describe('natsSigner()', () => {
  it('proves what the library proves, for any key and nonce', () => {
    void fc.assert(
      // The library draws its keys itself.
      fc.property(fc.string({ minLength: 1 }), (nonce) => {
        const pair = createPair(Prefix.User);
        const { nkey, sig } = natsSigner(new TextDecoder().decode(pair.getSeed()))(nonce);
        expect(nkey).toBe(pair.getPublicKey());
        const text = new TextEncoder().encode(nonce);
        expect(sig).toBe(Buffer.from(pair.sign(text)).toString('base64'));
        expect(fromPublic(nkey).verify(text, Buffer.from(sig, 'base64'))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('signs nothing where the server asks for nothing', () => {
    const { seed, publicKey } = createNatsKey();
    expect(natsSigner(seed)()).toEqual({ nkey: publicKey, sig: '' });
  });

  it('refuses what is no seed of a user: another kind, a letter changed, a part', () => {
    const { seed } = createNatsKey();
    const other = new TextDecoder().decode(createPair(Prefix.Account).getSeed());
    const changed = `${seed.slice(0, 20)}${seed[20] === 'A' ? 'B' : 'A'}${seed.slice(21)}`;
    for (const bad of [other, changed, seed.slice(0, -1), `${seed}A`, '', 'SU']) {
      expect(() => natsSigner(bad), bad).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
    }
  });
});
