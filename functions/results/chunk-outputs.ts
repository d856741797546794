// The slices of a chunk of a scan's rows: an event each, and files besides where the manifest's `config` wants them.
import type { Output } from 'pilotfish/sdk';
import type { GridShape } from '../kernels/index.ts';
import { FilesError, fileOptionsOf, writeSliceFiles } from './slice-files.ts';
import { type Provenance, sliceOutput } from './slice-output.ts';

/** More rows than any detector has. */
const rowsMax = 65_536;

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
    const rows = rowsOf(config['rows'], row);
    if (files) writeSliceFiles(files, { scan, row, rows, grid, values: image, provenance });
    return sliceOutput(image, `${subject}.${scan}.${row}`, grid, provenance);
  });
}

/** Rows of the whole scan, where the manifest says them; else those up to this one, and the stack grows. */
function rowsOf(configured: unknown, row: number): number {
  if (configured === undefined) return row + 1;
  if (typeof configured === 'number' && Number.isInteger(configured) && configured >= 1 && configured <= rowsMax)
    return Math.max(configured, row + 1);
  throw new FilesError(`rows is ${JSON.stringify(configured)}; give a whole number from 1 to ${rowsMax}`);
}
