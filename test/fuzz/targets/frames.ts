/** Bytes for the reader of frames: whole frames, cut ones, noise. It takes them or says why not, and holds no more than was sent. */
import { PassThrough } from 'node:stream';
import { PlatformError } from '#common';
import { FrameReader, FrameWriter, frameTypes } from '#frames';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';

function goodFrames(): Buffer {
  const wire = new PassThrough({ highWaterMark: 2 ** 24 });
  const writer = new FrameWriter(wire);
  writer.write(frameTypes.ready, 0, 0, '');
  writer.write(frameTypes.result, 1, 1, '', Buffer.alloc(300, 7));
  writer.write(frameTypes.error, 2, 0, '{"kind":"failed","message":"no","stack":""}');
  writer.flush();
  return wire.read() as Buffer;
}

export const frames: FuzzTarget = {
  name: 'frames',
  runs: 4_000,
  open: async () => ({
    property: fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated([goodFrames()])),
      fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 }),
      (bytes, cuts) => {
        let delivered = 0;
        const reader = new FrameReader(({ header, body }) => {
          delivered += header.length + body.length;
        });
        try {
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            reader.push(Buffer.from(bytes.subarray(at, at + size)));
            at += size;
          }
        } catch (error) {
          if (!(error instanceof PlatformError && error.code === 'invalid')) throw error;
        }
        if (delivered > bytes.length) throw new Error(`${delivered} bytes came out of ${bytes.length}`);
      },
    ),
  }),
};
