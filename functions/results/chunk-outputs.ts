// The slices of a chunk of a scan's rows: an event each, and files besides where the manifest's `config` wants them.
import type { Output } from 'pilotfish/sdk';
import type { GridShape } from '../kernels/index.ts';
import { fileOptionsOf, writeSliceFiles } from './slice-files.ts';
import { type Provenance, sliceOutput } from './slice-output.ts';

export interface Chunk {
  readonly scan: string;
  /** First token of the results' subjects: <subject>.<scan>.<row>. */
  readonly subject: string;
  readonly firstRow: number;
  readonly slices: number;
  readonly grid: GridShape;
  /** Slices x rows x columns. */
  readonly values: Float32Array;
  readonly provenance: Provenance;
}

/** Throws `FilesError` where `config.files` cannot be meant. */
export function chunkOutputs(chunk: Chunk, config: Readonly<Record<string, unknown>>): Output[] {
  const { scan, subject, firstRow, slices, grid, values, provenance } = chunk;
  const pixels = grid.rows * grid.columns;
  const files = fileOptionsOf(config['files']);
  return Array.from({ length: slices }, (_, slice) => {
    const image = values.subarray(slice * pixels, (slice + 1) * pixels);
    const row = firstRow + slice;
    // A stack of a scan cut into chunks has at least the rows seen so far; its readers take the size from `rows` in config.
    const rows = Math.max(Number(config['rows'] ?? 0), row + 1);
    if (files) writeSliceFiles(files, { scan, row, rows, grid, values: image, provenance });
    return sliceOutput(image, `${subject}.${scan}.${row}`, grid, provenance);
  });
}
