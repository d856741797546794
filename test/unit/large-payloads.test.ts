/** Whatever the chunks: large messages arrive as the client alone would have them, and in memory of their own size. */
import { headers, Kind, Parser, type ParserEvent } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { receiveInPlace } from '../../platform/broker/nats/spare-copies.ts';
import { fc } from '../harness/properties.ts';

interface Sent {
  readonly bytes: number;
  readonly withHeaders: boolean;
}

const kibibyte = 2 ** 10;

const message: fc.Arbitrary<Sent> = fc.record({
  bytes: fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.constantFrom(64, 127, 128, 129, 192, 256).map((kib) => kib * kibibyte),
    fc.integer({ min: 100 * kibibyte, max: 700 * kibibyte }),
  ),
  withHeaders: fc.boolean(),
});

function payloadOf(bytes: number, seed: number): Buffer {
  const payload = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 97) payload[at] = (at + seed) & 0xff;
  return payload;
}

function encoded({ bytes, withHeaders }: Sent, at: number): Buffer {
  const payload = payloadOf(bytes, at);
  const end = Buffer.from('\r\n');
  if (!withHeaders) return Buffer.concat([Buffer.from(`MSG ev.a.${at} 7 reply.${at} ${bytes}\r\n`), payload, end]);
  const lines = headers();
  lines.set('Nats-Msg-Id', `id-${at}`);
  const head = (lines as unknown as { encode(): Uint8Array }).encode();
  const first = Buffer.from(`HMSG ev.a.${at} 7 reply.${at} ${head.length} ${head.length + bytes}\r\n`);
  return Buffer.concat([first, head, payload, end]);
}

function parsed(chunks: readonly Buffer[], inPlace: boolean): ParserEvent[] {
  const events: ParserEvent[] = [];
  const parser = new Parser({ push: (event) => void events.push(event as ParserEvent) });
  if (inPlace) receiveInPlace(parser);
  // A copy each, as a socket gives them: nothing may lean on a chunk that is gone.
  for (const chunk of chunks) {
    const read = Buffer.from(chunk);
    parser.parse(read);
    if (chunk.length < 64 * kibibyte) continue;
    expect(parser.msgBuf?.capacity ?? 0).toBeLessThanOrEqual(Math.max(parser.ma.size, 4 * 128 * kibibyte));
  }
  return events;
}

it('gives the same messages, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 64 * kibibyte }), { minLength: 1, maxLength: 8 }),
      (sent, sizes) => {
        const stream = Buffer.concat(sent.map(encoded));
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          // Short pieces of a long stream would be a test of patience.
          const taken = Math.max(size, stream.length >> 8);
          chunks.push(stream.subarray(at, at + taken));
          at += taken;
        }
        const ours = parsed(chunks, true);
        expect(ours).toHaveLength(sent.length);
        for (const [at, { msg, data }] of ours.entries()) {
          const { bytes } = sent[at] ?? { bytes: -1 };
          expect(Buffer.from(msg?.subject ?? []).toString()).toBe(`ev.a.${at}`);
          expect(Buffer.from(msg?.reply ?? []).toString()).toBe(`reply.${at}`);
          expect(Buffer.compare(Buffer.from(data ?? []).subarray(-bytes || data?.length), payloadOf(bytes, at))).toBe(
            0,
          );
        }
        expect(ours.every(({ kind }) => kind === Kind.MSG)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

it('makes room once for a message that comes in pieces', () => {
  const bytes = 2 * 2 ** 20;
  const stream = encoded({ bytes, withHeaders: true }, 0);
  const buffers = new Set<ArrayBufferLike>();
  const events: ParserEvent[] = [];
  const parser = new Parser({ push: (event) => void events.push(event as ParserEvent) });
  receiveInPlace(parser);
  for (let at = 0; at < stream.length; at += 64 * kibibyte) {
    parser.parse(stream.subarray(at, at + 64 * kibibyte));
    if (parser.msgBuf) buffers.add(parser.msgBuf._buf.buffer);
  }
  expect(events).toHaveLength(1);
  expect(buffers.size).toBe(1);
});
