import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader, FrameWriter, frameBytesMax, frameTypes } from '#frames';
import { fc } from '../harness/properties.ts';

interface Plain {
  readonly type: number;
  readonly id: number;
  readonly flags: number;
  readonly header: string;
  readonly body: string;
}

const frames = fc.array(
  fc.record({
    type: fc.constantFrom(...Object.values(frameTypes)),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    flags: fc.integer({ min: 0, max: 255 }),
    header: fc.string({ unit: 'binary', maxLength: 300 }),
    bodyBytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 10_000, max: 200_000 })),
  }),
  { maxLength: 20 },
);

function plain(frame: Frame): Plain {
  return {
    type: frame.type,
    id: frame.id,
    flags: frame.flags,
    header: Buffer.from(frame.header).toString('utf8'),
    body: Buffer.from(frame.body).toString('latin1'),
  };
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
        (sent, cuts) => {
          const wire = new PassThrough({ highWaterMark: 2 ** 30 });
          const writer = new FrameWriter(wire);
          const bodies = sent.map((frame, at) => Buffer.alloc(frame.bodyBytes, at + 1));
          for (const [at, frame] of sent.entries())
            writer.write(frame.type, frame.id, frame.flags, frame.header, bodies[at]);
          writer.flush();
          const bytes = (wire.read() as Buffer | null) ?? Buffer.alloc(0);
          const received: Plain[] = [];
          const reader = new FrameReader((frame) => received.push(plain(frame)));
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            reader.push(bytes.subarray(at, at + size));
            at += size;
          }
          // Lone surrogates cannot be written in UTF-8: compare with what the header's own round trip gives.
          const expected = sent.map(({ type, id, flags, header }, at) => ({
            type,
            id,
            flags,
            header: Buffer.from(header).toString('utf8'),
            body: (bodies[at] ?? Buffer.alloc(0)).toString('latin1'),
          }));
          expect(received).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuse a prefix that claims more than the limit, naming both', () => {
    const prefix = Buffer.alloc(12);
    prefix.writeUInt32LE(frameBytesMax + 1, 0);
    expect(() => new FrameReader(() => undefined).push(prefix)).toThrow(/claims \d+ bytes/);
  });

  it('refuse to write a body over the limit', () => {
    const writer = new FrameWriter(new PassThrough());
    expect(() => writer.write(frameTypes.call, 1, 0, '', new Uint8Array(frameBytesMax))).toThrow(/over the limit of/);
  });

  it('of one tick leave in one write', async () => {
    const wire = new PassThrough();
    const writes: number[] = [];
    wire.on('data', (chunk: Buffer) => writes.push(chunk.length));
    const writer = new FrameWriter(wire);
    for (let id = 0; id < 10; id++) writer.write(frameTypes.call, id, 0, '', Buffer.from('x'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toEqual([130]);
  });
});
