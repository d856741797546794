// How a scan's rows are cut into chunks: chunk n holds rows n * rowsPerChunk and following.
import { type Frame, rowChunk } from '../sources/frame.ts';

/** First row of a chunk within the whole frame. */
export const firstRowHeader = 'Pilotfish-First-Row';

export interface RowChunk {
  readonly chunk: number;
  readonly firstRow: number;
  readonly frame: Frame;
}

/** The frame's rows in chunks of at most `rowsPerChunk`, sharing its memory; an end marker gives one for each chunk. */
export function rowChunks(frame: Frame, rowsPerChunk: number): RowChunk[] {
  const chunks: RowChunk[] = [];
  for (let firstRow = 0; firstRow < frame.rows; firstRow += rowsPerChunk) {
    const rows = Math.min(rowsPerChunk, frame.rows - firstRow);
    chunks.push({ chunk: chunks.length, firstRow, frame: rowChunk(frame, firstRow, rows) });
  }
  return chunks;
}
