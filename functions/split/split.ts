// Cuts each frame of a scan into row chunks, so that a scan's slices can be reconstructed on several nodes. Stateless:
// scan.<id>.frame -> scan.<id>.rows.<chunk>; the end marker goes to every chunk.
import { defineFunction, Output, outputs, Reject } from 'pilotfish/sdk';
import type { Frame } from '../sources/frame.ts';
import { frameHeaders, parseFrameHeaders } from '../sources/frame-headers.ts';
import { firstRowHeader, rowChunks } from './row-chunks.ts';

const rowsPerChunkDefault = 4;

export default defineFunction({
  handle(event, ctx) {
    const rowsPerChunk = Number(ctx.config['rowsPerChunk'] ?? rowsPerChunkDefault);
    const scan = event.subject.split('.')[1] ?? '';
    const parts = rowChunks(readFrame(scan, event.headers, event.data), rowsPerChunk).map(
      ({ chunk, firstRow, frame }) =>
        new Output(frame.data, {
          subject: `scan.${scan}.rows.${chunk}`,
          headers: { ...frameHeaders(frame), [firstRowHeader]: String(firstRow) },
        }),
    );
    return outputs(parts);
  },
});

function readFrame(scan: string, headers: Readonly<Record<string, string>>, data: Uint8Array): Frame {
  try {
    return { scan, data, ...parseFrameHeaders((name) => headers[name]) };
  } catch (error) {
    // No retry makes a frame of it.
    throw new Reject(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
