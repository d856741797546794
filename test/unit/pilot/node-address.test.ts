/** A node tells the others the address that they reach it at, not merely the first that it has. */
import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { chooseAddress } from '../../../platform/pilot/jobs/node-address.ts';
import { fc } from '../../harness/properties.ts';

const at = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;
const interfaces = {
  lo: [at('127.0.0.1', true), at('::1', true)],
  mgmt0: [at('192.168.3.7'), at('fe80::1')],
  ib0: [at('10.1.4.7')],
};
const choose = (wanted: string | undefined, named: readonly string[] = []) =>
  chooseAddress({ interfaces, wanted, named });

describe('chooseAddress()', () => {
  it.each(['ib0', '10.1.0.0/16', '10.1.4.7', '0.0.0.0/1'])('takes the one that --interface %s means', (wanted) => {
    expect(choose(wanted, ['192.168.3.7'])).toBe('10.1.4.7');
  });

  it("takes that of the host's own name where nothing was said, and the first one where that is not its own", () => {
    expect(choose(undefined, ['10.1.4.7'])).toBe('10.1.4.7');
    expect(choose(undefined, ['127.0.1.1'])).toBe('192.168.3.7');
  });

  it.each(['ib1', '10.2.0.0/16', '10.1.0.0/99', '10.1.0.0/', 'lo', '127.0.0.1', ''])(
    'refuses --interface "%s", and says what there is',
    (wanted) => {
      expect(() => choose(wanted)).toThrow(
        expect.objectContaining({
          code: 'invalid',
          message: `no interface of this node is "${wanted}"; there are: mgmt0 192.168.3.7, ib0 10.1.4.7`,
        }),
      );
    },
  );

  it('refuses a node that has no network', () => {
    const alone = { interfaces: { lo: interfaces.lo }, wanted: undefined, named: ['127.0.0.1'] };
    expect(() => chooseAddress(alone)).toThrow(/no network interface but loopback/);
  });

  it('whatever a node has: the address is one of its own, of IPv4 and not of loopback, and in the network that was said', () => {
    const own = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,4}[0-9]$/),
      fc.array(fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), internal: fc.boolean() }), { maxLength: 3 }),
      { maxKeys: 4 },
    );
    const wanted = fc.option(fc.oneof(fc.stringMatching(/^[a-z]{1,4}[0-9]$/), fc.tuple(fc.ipV4(), fc.nat(40))), {
      nil: undefined,
    });
    void fc.assert(
      fc.property(own, wanted, fc.array(fc.ipV4(), { maxLength: 2 }), (seen, said, named) => {
        const text = Array.isArray(said) ? said.join('/') : said;
        const usable = Object.values(seen).flatMap((infos) => infos.filter((info) => !info.internal));
        try {
          const chosen = chooseAddress({ interfaces: seen as never, wanted: text, named });
          expect(usable.map(({ address }) => address)).toContain(chosen);
          expect(chosen).not.toContain(':');
          if (Array.isArray(said)) expect(prefixOf(chosen, said[1])).toBe(prefixOf(said[0], said[1]));
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid' });
        }
      }),
    );
  });
});

/** The first bits of an address, as text. */
function prefixOf(address: string, bits: number): string {
  const text = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  return text.join('').slice(0, bits);
}
