/** Where a function's waiting payloads lie, and that its instances go there. */
import { describe, expect, it } from 'vitest';
import { place } from '#placement';
import { localShares } from '../../platform/gateway/claims/local-data.ts';
import { fc } from '../harness/properties.ts';

const waiting = [{ pattern: 'scan.*.frame', after: 10 }];
const at = (node: string, sequence: number, subject = 'scan.7.frame') => ({ place: node, subject, sequence });

describe('localShares()', () => {
  it('counts what is waited for and lies on nodes, and nothing else', () => {
    const payloads = [at('n1', 10), at('n1', 11), at('n2', 12), at('n2', 13), at('n2', 14), at('shared', 15)];
    const others = [at('stream', 16), at('n3', 17, 'other.7.frame')];
    expect(localShares([...payloads, ...others], waiting)).toEqual(
      new Map([
        ['n1', 0.25],
        ['n2', 0.75],
      ]),
    );
    expect(localShares(others, waiting)).toEqual(new Map());
  });

  it('shares add up to one, or there are none', () => {
    const payload = fc.record({
      place: fc.constantFrom('n1', 'n2', 'n3', 'shared', 'stream'),
      subject: fc.constantFrom('scan.1.frame', 'scan.2.end'),
      sequence: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(payload), (payloads) => {
        const shares = [...localShares(payloads, waiting).values()];
        const sum = shares.reduce((total, share) => total + share, 0);
        expect(shares.length === 0 || Math.abs(sum - 1) < 1e-9).toBe(true);
      }),
    );
  });

  it('takes the first instances to the data', () => {
    const nodes = ['n1', 'n2'].map((id) => ({ id, slots: 4 }));
    const demand = {
      id: 'f',
      wanted: 2,
      needed: 2,
      cpu: 1,
      weight: 1,
      guaranteed: 0,
      current: new Map<string, number>(),
    };
    const local = localShares([at('n2', 11), at('n2', 12)], waiting);
    expect(place(nodes, [{ ...demand, local }]).instances.get('f')).toEqual(new Map([['n2', 2]]));
  });
});
