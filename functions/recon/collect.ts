// Collects the parts of one chunk (darks, flats, then projections) into a sinogram. Pure but for reading the parts.

import { type FlatField, FrameMean, type Scan, withLineKernel, writeProjection } from '../kernels/index.ts';
import { type Frame, frameValues } from '../sources/frame.ts';
import { parseFrameHeaders } from '../sources/frame-headers.ts';
import { firstRowHeader } from '../split/row-chunks.ts';

export interface ChunkPart {
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

export interface CollectedChunk {
  readonly scan: Scan;
  /** Place of the first slice in the whole scan. */
  readonly firstRow: number;
  /** Frames that went into it, of all kinds. */
  readonly frames: number;
}

/** Thrown for parts that make no scan. Retrying cannot help. */
export class CollectError extends Error {
  override readonly name = 'CollectError';
}

/** Reads the parts once, in order of kind and index; `projections` is how many there will be. `kernel` is flat-field.as.ts, compiled. */
export async function collectChunk(
  parts: AsyncIterable<ChunkPart>,
  projections: number,
  kernel?: WebAssembly.Module,
): Promise<CollectedChunk> {
  let shape: { rows: number; columns: number; firstRow: number } | undefined;
  const dark = { mean: undefined as FrameMean | undefined };
  const flat = { mean: undefined as FrameMean | undefined };
  let field: FlatField | undefined;
  let sinogram = new Float32Array(0);
  const theta: number[] = [];
  let frames = 0;
  for await (const part of parts) {
    const frame = { scan: '', data: part.data, ...parseFrameHeaders((name) => part.headers[name]) } as Frame;
    shape ??= { rows: frame.rows, columns: frame.columns, firstRow: Number(part.headers[firstRowHeader] ?? 0) };
    assertSameShape(frame, shape);
    const values = frameValues(frame);
    frames++;
    if (frame.kind === 'dark' || frame.kind === 'flat') {
      const sum = frame.kind === 'dark' ? dark : flat;
      sum.mean ??= new FrameMean(values.length);
      sum.mean.add(values);
    } else if (frame.kind === 'projection') {
      field ??= meanField(dark.mean, flat.mean, kernel);
      if (sinogram.length === 0) sinogram = new Float32Array(shape.rows * projections * shape.columns);
      writeProjection(
        sinogram,
        { slices: shape.rows, angles: projections, columns: shape.columns },
        { frame: values, angle: theta.length, field },
      );
      theta.push(frame.theta ?? Number.NaN);
    }
  }
  if (!shape || theta.length === 0) throw new CollectError('the chunk has no projection');
  const { rows, columns, firstRow } = shape;
  return {
    scan: { sinogram, slices: rows, angles: projections, columns, theta: Float64Array.from(theta) },
    firstRow,
    frames,
  };
}

function meanField(
  dark: FrameMean | undefined,
  flat: FrameMean | undefined,
  kernel: WebAssembly.Module | undefined,
): FlatField {
  if (!dark || !flat)
    throw new CollectError(`the chunk has no ${dark ? 'flat' : 'dark'} frame, so its projections cannot be normalised`);
  const means = { dark: dark.mean(), flat: flat.mean() };
  return kernel ? withLineKernel(means, kernel) : means;
}

function assertSameShape(frame: Frame, shape: { rows: number; columns: number }): void {
  if (frame.rows === shape.rows && frame.columns === shape.columns) return;
  throw new CollectError(
    `${frame.kind} ${frame.index} is ${frame.rows} x ${frame.columns}, the frames before it ${shape.rows} x ${shape.columns}`,
  );
}
