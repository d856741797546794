// Slices as files besides events, where the manifest's `config.files` wants them: a Zarr stack or TIFF pictures, PNG previews, and beside them
// what they were made of. The folder must be among `permissions.write`.
//
//   config: { files: { folder: /data/recon, format: zarr, png: true, window: [0, 0.02] } }
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, type PngWindow } from '../formats/png.ts';
import { encodeTiff } from '../formats/tiff.ts';
import { replaceFile, writeZarrSlice } from '../formats/zarr.ts';
import type { GridShape } from '../kernels/index.ts';
import type { Provenance } from './slice-output.ts';

export interface FileOptions {
  readonly folder: string;
  readonly format: 'zarr' | 'tiff' | 'none';
  readonly png: boolean;
  /** Fixed, or by percentiles of each slice. */
  readonly window: PngWindow;
}

/** Thrown for `files` that cannot be meant. */
export class FilesError extends Error {
  override readonly name = 'FilesError';
}

const windowDefault: PngWindow = { kind: 'percentile', low: 0.5, high: 99.5 };

/** Undefined where no files are wanted. Throws `FilesError`. */
export function fileOptionsOf(configured: unknown): FileOptions | undefined {
  if (configured === undefined) return undefined;
  if (typeof configured !== 'object' || configured === null || Array.isArray(configured)) {
    throw new FilesError(`files is ${JSON.stringify(configured)}; give { folder, format, png }`);
  }
  const { folder, format = 'zarr', png = false, window, percentiles, ...more } = configured as Record<string, unknown>;
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) {
    throw new FilesError(`files.${unknown} is not known; folder, format, png, window and percentiles are`);
  }
  if (typeof folder !== 'string' || !folder.startsWith('/')) {
    throw new FilesError(
      `files.folder is ${JSON.stringify(folder)}; give an absolute path, which permissions.write names too`,
    );
  }
  if (format !== 'zarr' && format !== 'tiff' && format !== 'none') {
    throw new FilesError(`files.format is ${JSON.stringify(format)}; give zarr, tiff or none`);
  }
  if (typeof png !== 'boolean') throw new FilesError(`files.png is ${JSON.stringify(png)}; give true or false`);
  if (window !== undefined && percentiles !== undefined)
    throw new FilesError('give files.window or files.percentiles, not both');
  return { folder, format, png, window: windowOf(window, percentiles) };
}

function windowOf(window: unknown, percentiles: unknown): PngWindow {
  if (window === undefined && percentiles === undefined) return windowDefault;
  const [low, high, ...more] = (Array.isArray(window ?? percentiles) ? (window ?? percentiles) : []) as unknown[];
  if (typeof low === 'number' && typeof high === 'number' && low < high && more.length === 0) {
    if (window !== undefined) return { kind: 'fixed', low, high };
    if (low >= 0 && high <= 100) return { kind: 'percentile', low, high };
  }
  throw new FilesError('files.window and files.percentiles are two numbers, the lower one first: [0, 0.02] or [1, 99]');
}

export interface SliceFile {
  readonly scan: string;
  readonly row: number;
  /** Rows of the whole scan, where they are known: the size of a stack. */
  readonly rows: number;
  readonly grid: GridShape;
  readonly values: Float32Array;
  readonly provenance: Provenance;
}

/** Writes a slice, whole or not at all; again is harmless. Returns the paths. */
export function writeSliceFiles({ folder, format, png, window }: FileOptions, slice: SliceFile): string[] {
  const { scan, row, rows, grid, values, provenance } = slice;
  const attributes = provenanceJson(slice);
  const [width, height] = [grid.columns, grid.rows];
  const place = join(folder, scan);
  mkdirSync(place, { recursive: true });
  const name = String(row).padStart(5, '0');
  const paths: string[] = [];
  if (format === 'zarr') {
    const stack = join(place, `${provenance.function.name}.zarr`);
    // What differs from slice to slice stands beside each; the stack's own description is the same from every writer.
    const { name: made, version, digest } = provenance.function;
    const of = { scan, function: { name: made, version, digest }, recon: provenance.recon };
    writeZarrSlice(stack, { slices: rows, rows: height, columns: width, attributes: of }, row, values);
    paths.push(stack);
  } else if (format === 'tiff') {
    paths.push(join(place, `${name}.tif`));
    replaceFile(paths.at(-1) as string, encodeTiff(values, { width, height, description: JSON.stringify(attributes) }));
  }
  if (png) {
    paths.push(join(place, `${name}.png`));
    replaceFile(paths.at(-1) as string, encodePng(values, { width, height, window }));
  }
  paths.push(join(place, `${name}.json`));
  replaceFile(paths.at(-1) as string, `${JSON.stringify(attributes, null, 2)}\n`);
  return paths;
}

function provenanceJson({ scan, row, provenance }: SliceFile) {
  const { function: made, centre, frames, missing, recon, doubts = [] } = provenance;
  const used = { framesUsed: frames, framesMissing: missing };
  return { scan, row, function: { ...made }, recon, centre, ...used, ...(doubts.length > 0 ? { doubts } : {}) };
}
