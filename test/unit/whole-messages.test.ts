/** Whatever the chunks: small messages arrive as the client's own parser would give them, and everything else reaches that one. */
import {
  headers,
  Kind,
  type Msg,
  MsgImpl,
  Parser,
  type ParserEvent,
  type ProtocolHandler,
} from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { readWholeMessages } from '../../platform/broker/nats/whole-messages.ts';
import { fc } from '../harness/properties.ts';

/** 1 has a callback, 2 ends after some messages, 3 is iterated over; of 4 nobody wants to know any more. */
type Sid = 1 | 2 | 3 | 4;

interface Sent {
  readonly sid: Sid;
  readonly bytes: number;
  readonly subject: string;
  readonly reply: boolean;
  readonly header: string | undefined;
}

type Said = Sent | 'PING' | '+OK' | 'INFO {"server_id":"a"}';

const sent: fc.Arbitrary<Sent> = fc.record({
  sid: fc.constantFrom<Sid>(1, 1, 1, 2, 3, 4),
  bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(2 ** 17 - 1, 2 ** 17, 2 ** 17 + 1)),
  subject: fc.constantFrom('ev.a.1', 'ev.größe.2', 'x'),
  reply: fc.boolean(),
  header: fc.option(fc.constantFrom('plain', 'größe', ''), { nil: undefined }),
});
const said: fc.Arbitrary<Said> = fc.oneof(
  { weight: 5, arbitrary: sent },
  { weight: 1, arbitrary: fc.constantFrom<Said>('PING', '+OK', 'INFO {"server_id":"a"}') },
);

function encoded(what: Said, at: number): Buffer {
  if (typeof what === 'string') return Buffer.from(`${what}\r\n`);
  const payload = Buffer.alloc(what.bytes, at);
  const way = `${what.subject} ${what.sid}${what.reply ? ` reply.${at}` : ''}`;
  if (what.header === undefined) {
    return Buffer.concat([Buffer.from(`MSG ${way} ${what.bytes}\r\n`), payload, Buffer.from('\r\n')]);
  }
  const lines = headers();
  lines.set('Nats-Msg-Id', what.header);
  const head = (lines as unknown as { encode(): Uint8Array }).encode();
  const first = Buffer.from(`HMSG ${way} ${head.length} ${head.length + what.bytes}\r\n`);
  return Buffer.concat([first, head, payload, Buffer.from('\r\n')]);
}

/** What was heard, in order, as text: the messages and the rest. */
function heard(chunks: readonly Buffer[], inOneStep: boolean): { heard: string[]; bytes: number; messages: number } {
  const lines: string[] = [];
  const note = (message: Msg) => {
    const { subject, reply = '', data } = message;
    const id = message.headers?.get('Nats-Msg-Id');
    lines.push(`${subject} ${reply} ${id} ${data.length} ${data[0]} ${data.at(-1)} ${(message as MsgImpl).size()}`);
  };
  const callback = (_: unknown, message: Msg) => note(message);
  const subscriptions = new Map<number, object>([
    [1, { received: 0, callback }],
    [2, { received: 0, callback, max: 5 }],
    [3, { received: 0 }],
  ]);
  const protocol = { subscriptions, inMsgs: 0, inBytes: 0 } as unknown as ProtocolHandler;
  const parser = new Parser({
    push: (event) => {
      const { kind, msg, data } = event as ParserEvent;
      if (kind !== Kind.MSG || !msg || !data) return void lines.push(`kind ${kind}`);
      protocol.inMsgs++;
      protocol.inBytes += data.length;
      if (subscriptions.has(msg.sid)) note(new MsgImpl(msg, data, protocol) as Msg);
    },
  });
  if (inOneStep) readWholeMessages(protocol, parser);
  // A copy each, as a socket gives them: nothing may lean on a chunk that is gone.
  for (const chunk of chunks) parser.parse(Buffer.from(chunk));
  return { heard: lines, bytes: protocol.inBytes, messages: protocol.inMsgs };
}

function cut(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    // Short pieces of a long stream would be a test of patience.
    const taken = Math.max(sizes[turn % sizes.length] ?? 1, stream.length >> 8);
    chunks.push(stream.subarray(at, at + taken));
    at += taken;
  }
  return chunks;
}

it("hears what the client's parser hears, however it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(said, { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 8 }),
      (all, sizes) => {
        const chunks = cut(Buffer.concat(all.map(encoded)), sizes);
        expect(heard(chunks, true)).toEqual(heard(chunks, false));
      },
    ),
    { numRuns: 200 },
  );
});

it('gives up on a line that never ends', () => {
  const parser = new Parser({ push: () => undefined });
  readWholeMessages({ subscriptions: new Map() } as unknown as ProtocolHandler, parser);
  const chunk = Buffer.alloc(2 ** 19, 'M');
  expect(() => {
    for (let at = 0; at < 4; at++) parser.parse(chunk);
  }).toThrow('without an end');
});
