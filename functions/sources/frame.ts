// A frame as it travels: one detector picture (or some rows of it), or the end marker that says how many there were.

export type FrameKind = 'dark' | 'flat' | 'projection';
export type FrameDtype = 'u16' | 'f32';

/** How many frames of each kind a scan has. */
export type FrameCounts = Readonly<Record<FrameKind, number>>;

interface FrameShape {
  readonly scan: string;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: FrameDtype;
  /** rows x columns little-endian values; empty at the end. */
  readonly data: Uint8Array;
}

export interface ImageFrame extends FrameShape {
  readonly kind: FrameKind;
  /** Counts from 0 within its kind. */
  readonly index: number;
  /** Radians; projections only. */
  readonly theta?: number | undefined;
}

export interface EndFrame extends FrameShape {
  readonly kind: 'end';
  readonly index: 0;
  readonly expect: FrameCounts;
}

export type Frame = ImageFrame | EndFrame;

/** A scan that can be replayed: what it holds, and its frames in order (darks, flats, projections, end). */
export interface ScanSource {
  readonly metadata: ScanMetadata;
  /** Values of one frame (rows x columns, little-endian), read or made when asked for. */
  readonly image: (kind: FrameKind, index: number) => Uint8Array;
  /** Starts from the beginning each time; one frame is held at a time. */
  readonly frames: () => Iterable<Frame>;
  readonly close: () => void;
}

export interface ScanMetadata {
  readonly scan: string;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: FrameDtype;
  readonly counts: FrameCounts;
  /** Radians, one a projection. */
  readonly theta: Float64Array;
}

export const frameKinds = ['dark', 'flat', 'projection'] as const satisfies readonly FrameKind[];

export function bytesPerValue(dtype: FrameDtype): number {
  return dtype === 'u16' ? 2 : 4;
}

/** All frames of a scan in order: darks, flats, projections, end. */
export function* scanFrames(metadata: ScanMetadata, image: ScanSource['image']): Generator<Frame> {
  for (const kind of frameKinds) {
    for (let index = 0; index < metadata.counts[kind]; index++) yield imageFrame(metadata, image, kind, index);
  }
  yield endFrame(metadata);
}

export function imageFrame(
  { scan, rows, columns, dtype, theta }: ScanMetadata,
  image: ScanSource['image'],
  kind: FrameKind,
  index: number,
): ImageFrame {
  const data = image(kind, index);
  return { scan, kind, index, theta: kind === 'projection' ? theta[index] : undefined, rows, columns, dtype, data };
}

/** The end marker of a scan. */
export function endFrame({ scan, rows, columns, dtype, counts }: Omit<ScanMetadata, 'theta'>): EndFrame {
  return { scan, kind: 'end', index: 0, expect: counts, rows, columns, dtype, data: new Uint8Array(0) };
}

/**
 * Rows `firstRow` .. `firstRow + rowCount - 1` of a frame, sharing its memory. The end marker keeps its counts and has the rows' shape, so that
 * each chunk of a scan ends by itself. Throws `RangeError` for rows the frame does not have.
 */
export function rowChunk(frame: Frame, firstRow: number, rowCount: number): Frame {
  const whole = Number.isInteger(firstRow) && Number.isInteger(rowCount);
  if (!whole || firstRow < 0 || rowCount < 1 || firstRow + rowCount > frame.rows) {
    throw new RangeError(`Rows ${firstRow} to ${firstRow + rowCount - 1} are not in a frame of ${frame.rows} rows.`);
  }
  if (frame.kind === 'end') return { ...frame, rows: rowCount };
  const rowBytes = frame.columns * bytesPerValue(frame.dtype);
  return { ...frame, rows: rowCount, data: frame.data.subarray(firstRow * rowBytes, (firstRow + rowCount) * rowBytes) };
}

/** The values of a frame: a view where memory is aligned, else a copy. Throws `RangeError` when size and shape disagree. */
export function frameValues({
  rows,
  columns,
  dtype,
  data,
}: Pick<Frame, 'rows' | 'columns' | 'dtype' | 'data'>): Uint16Array | Float32Array {
  const size = bytesPerValue(dtype);
  const expected = rows * columns * size;
  if (data.byteLength !== expected) {
    throw new RangeError(
      `A frame of ${rows} x ${columns} ${dtype} has ${expected} bytes, this one has ${data.byteLength}.`,
    );
  }
  const { buffer, byteOffset } = data.byteOffset % size === 0 ? data : new Uint8Array(data);
  return dtype === 'u16'
    ? new Uint16Array(buffer, byteOffset, rows * columns)
    : new Float32Array(buffer, byteOffset, rows * columns);
}
