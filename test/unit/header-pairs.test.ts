/** Headers that are read in one step are what the client's own reader makes of the same bytes. */
import { type MsgHdrs, MsgImpl } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { headersOf, noPairs, pairsIn, readPairs } from '../../platform/broker/nats/message-headers.ts';
import { fc } from '../harness/properties.ts';

const name = fc.constantFrom(
  'traceparent',
  'Traceparent',
  'Nats-Msg-Id',
  'größe',
  'a b',
  '',
  '__proto__',
  'constructor',
  'x',
);
const value = fc.oneof(
  fc.constantFrom('', ' ', ' v', 'v ', ' 00-11-01 ', 'größe', 'a:b', 'a\rb', 'a\nb', '\tt\u00a0'),
  fc.string({ maxLength: 12 }),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, value).map(([before, after]) => `${before}:${after}`) },
  { weight: 1, arbitrary: fc.constantFrom('', 'no colon', ':', '::') },
);
const first = fc.oneof(
  { weight: 8, arbitrary: fc.constant('NATS/1.0') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('NATS/1.0 503', 'NATS/1.0 408 Request Timeout', 'NATS/1.0 ', '\ufeffNATS/1.0', ''),
  },
);
const end = fc.constantFrom('\r\n\r\n', '\r\n', '', '\r\n\r\n\r\n');

test('for any lines', () => {
  let inOneStep = 0;
  fc.assert(
    fc.property(first, fc.array(line, { maxLength: 6 }), end, (start, lines, after) => {
      const bytes = Buffer.from([start, ...lines].join('\r\n') + after);
      const read = readPairs(bytes.toString('utf8'));
      if (read === undefined) return;
      inOneStep++;
      expect(Object.entries(read)).toEqual(Object.entries(pairsIn(byClient(bytes))));
    }),
  );
  expect(inOneStep).toBeGreaterThan(10);
});

test('what a source usually writes is read in one step', () => {
  const read = readPairs('NATS/1.0\r\ntraceparent: 00-1-2-01\r\nNats-Msg-Id:7\r\ntraceparent: 00-3-4-00\r\n\r\n');
  expect({ ...read }).toEqual({ traceparent: '00-3-4-00', 'Nats-Msg-Id': '7' });
});

test('nothing is inherited: a header may be called as what objects have', () => {
  const names = ['constructor', 'toString', '__proto__'];
  const read = readPairs('NATS/1.0\r\nconstructor: mine\r\n\r\n') ?? noPairs;
  expect(names.map((each) => read[each])).toEqual(['mine', undefined, undefined]);
  expect(names.map((each) => noPairs[each])).toEqual([undefined, undefined, undefined]);
});

function byClient(bytes: Buffer): MsgHdrs | undefined {
  const subject = Buffer.from('ev.a');
  return headersOf(new MsgImpl({ subject, sid: 1, hdr: bytes.length, size: bytes.length }, bytes, {} as never));
}
