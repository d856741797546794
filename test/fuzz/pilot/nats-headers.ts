/** Events whose header block is no header block, from somebody who may publish. The agent takes the next good one. */
import type { MsgHdrs } from '@nats-io/transport-node';
import { connectNats, eventSubject } from '#broker';
import { brokerServerName } from '#security';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';
import type { FuzzPilot } from './fuzz-pilot.ts';

const lines = fc.constantFrom(
  ...[
    'a: b',
    'a:b',
    ': b',
    'a',
    'a: b: c',
    ' a: b',
    'a : b',
    '__proto__: x',
    'constructor: y',
    'a: \u0000',
    'a: \u001b[2J',
    'é: ü',
    'a: \ufffd',
  ],
  ...[
    'Nats-Msg-Id: same',
    'Nats-Expected-Stream: X',
    'Nats-TTL: 1s',
    'Nats-Rollup: all',
    'Pilotfish-Claim: {}',
    'Pilotfish-Claim: ["/etc/passwd"]',
  ],
  ...[
    'Pilotfish-Part: frame;1',
    'Pilotfish-Part: __proto__;-1',
    'Pilotfish-Retry: 1',
    'Pilotfish-Shape: 1e9,1e9',
    'Pilotfish-Dtype: f64',
    'ce-id: 1',
  ],
  ...[
    `long: ${'x'.repeat(60_000)}`,
    `long: ${'\u0001'.repeat(30_000)}`,
    'traceparent: 00-x',
    'Status: 503',
    'Description: No Responders',
  ],
);
const block = fc
  .tuple(
    fc.constantFrom('NATS/1.0', 'NATS/1.0 503', 'NATS/1.0 100 Idle', 'NATS/9', ''),
    fc.array(lines, { maxLength: 6 }),
    fc.constantFrom('\r\n\r\n', '\n\n', '\r\n', ''),
  )
  .map(([first, rest, end]) => Buffer.from([first, ...rest].join('\r\n') + end));

export const natsHeaders = (node: FuzzPilot): FuzzTarget => ({
  name: 'nats-headers',
  runs: 300,
  async open() {
    const { pilot } = node;
    const { brokers, seeds, tls } = pilot.connection;
    const connection = await connectNats({
      servers: brokers,
      seed: seeds.source,
      role: 'source',
      member: 'fuzz',
      tls: { ca: tls.ca, serverName: brokerServerName(pilot.id) },
    });
    const good = Buffer.from('NATS/1.0\r\nNats-Msg-Id: a\r\nPilotfish-Shape: 2,2\r\nx: y\r\n\r\n');
    return {
      ...node.parts,
      property: fc.asyncProperty(fc.oneof(block, mutated([good])), fc.constantFrom('x', ''), async (bytes, payload) => {
        connection.publish(eventSubject('fuzz.a'), payload, { headers: { encode: () => bytes } as unknown as MsgHdrs });
        await connection.flush();
      }),
      async stillWorks() {
        await node.parts.stillWorks?.();
        await using viewer = await pilot.events('viewer');
        await using source = await pilot.events('source');
        const heard = await viewer.read('heard.last');
        await source.publish('fuzz.last', 'good', { headers: { a: 'b' } });
        await source.flush();
        for await (const { data } of heard) if (Buffer.from(data).toString().endsWith('good')) break;
      },
      close: () => connection.close(),
    };
  },
});
