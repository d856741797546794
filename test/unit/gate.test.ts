/** What one caller may have under way at the gateway, owner or token, and what of his refusals is written down. */
import { describe, expect, it } from 'vitest';
import type { Token } from '#access';
import { Gate } from '../../platform/gateway/access/gate.ts';

const token: Token = {
  id: 't-abcdefgh',
  name: '',
  role: 'invoke',
  functions: [],
  subjects: [],
  createdAtMs: 0,
  expiresAtMs: 1e12,
  natsKey: '',
};

function gateAt() {
  const time = { ms: 0 };
  const written: string[] = [];
  const gate = new Gate({
    tokens: { get: (name: string) => (name === token.id ? token : undefined), ownersSinceMs: 0 } as never,
    audit: { write: ({ outcome }: { outcome: string }) => written.push(outcome) } as never,
    clock: { now: () => time.ms, monotonic: () => time.ms } as never,
  });
  const call = (name: string, method = 'Invoke') =>
    gate.admit({ method, caller: { name, address: '127.0.0.1:1', validFromMs: 0 }, request: { function: 'echo' } });
  return { call, time, written };
}

describe.each([
  [token.id, 128, 2_000],
  ['owner', 16_384, 50_000],
])('%s', (name, openMax, perSecondMax) => {
  it(`has ${openMax} calls open at most, and one more for each that ends`, () => {
    const { call, time } = gateAt();
    const open = Array.from({ length: openMax }, (_, at) => {
      // Spread over time: this bound is not that of a second.
      time.ms = at;
      return call(name);
    });
    time.ms += 5_000;
    expect(() => call(name)).toThrow(`${openMax} calls open`);
    open[0]?.('ok');
    const more = call(name);
    expect(() => call(name)).toThrow(expect.objectContaining({ code: 'no-capacity' }));
    more('ok');
  });

  it(`makes ${perSecondMax} calls a second at most, and as many in the next`, () => {
    const { call, time } = gateAt();
    for (const second of [0, 1]) {
      time.ms = second * 1_000;
      for (let number = 0; number < perSecondMax; number++) call(name)('ok');
      expect(() => call(name)).toThrow(`${perSecondMax} calls a second`);
    }
  });
});

it('of a loop of refusals a few are written down in a second, of changes each', () => {
  const { call, written } = gateAt();
  for (let number = 0; number < 100; number++) expect(() => call(token.id, 'DeleteFunction')).toThrow(/may not call/);
  expect(written).toEqual(Array.from({ length: 5 }, () => 'permission-denied'));
  call('owner', 'DeleteFunction')('not-found');
  expect(written.at(-1)).toBe('not-found');
});
