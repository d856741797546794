/** A program that answers its agent with any frames at all: its caller gets an answer or an error, and the agent goes on. */
import { PassThrough } from 'node:stream';
import { PlatformError } from '#common';
import { type FrameType, FrameWriter } from '#frames';
import { fc } from '../../harness/properties.ts';
import { type WrittenFrame, writtenFrame } from '../frame-arbitraries.ts';
import type { FuzzTarget } from '../fuzz.ts';
import type { FuzzPilot } from './fuzz-pilot.ts';

/** What raw.py replaces by the id of its call. */
const ownCall = 0xffff_fffe;

function written(frames: readonly WrittenFrame[]): Buffer {
  const wire = new PassThrough({ highWaterMark: 2 ** 24 });
  const writer = new FrameWriter(wire);
  for (const { type, ofCall, flags, header, body } of frames)
    writer.write(type as FrameType, ofCall ? ownCall : 0, flags, header, body);
  writer.flush();
  return (wire.read() as Buffer | null) ?? Buffer.alloc(0);
}

const said = fc.oneof(
  { weight: 4, arbitrary: fc.array(writtenFrame, { minLength: 1, maxLength: 3 }).map(written) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 12, maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
);

export const foreign = (node: FuzzPilot): FuzzTarget => ({
  name: 'foreign',
  runs: 60,
  open: async () => ({
    ...node.parts,
    property: fc.asyncProperty(said, async (bytes) => {
      try {
        await node.pilot.client.invoke('raw', bytes);
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code === 'internal' || error.code === 'unavailable') throw error;
      }
    }),
  }),
});
