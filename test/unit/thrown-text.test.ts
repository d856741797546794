/** Whatever a handler throws, its caller reads what it was. */
import { expect, it } from 'vitest';
import { textOfThrown } from '../../platform/instance/thrown-text.ts';

const trapped = new Proxy(
  {},
  {
    getPrototypeOf() {
      throw new Error('trapped');
    },
  },
);
const silent = Object.defineProperty(new Error('x'), 'message', {
  get() {
    throw silent;
  },
});

it.each([
  ['an error', new TypeError('bad'), 'bad'],
  ['a text', 'just a text', 'just a text'],
  ['null', null, 'it threw null, which is no Error'],
  ['nothing', undefined, 'it threw undefined, which is no Error'],
  ['an object', { code: 42, why: 'full' }, "it threw { code: 42, why: 'full' }, which is no Error"],
  ['a symbol', Symbol('s'), 'it threw Symbol(s), which is no Error'],
  ['what throws when it is looked at', trapped, 'trapped'],
  ['an error that throws itself', silent, 'it threw what cannot be shown'],
])('%s', (_, thrown, text) => {
  expect(textOfThrown(thrown)).toBe(text);
});
