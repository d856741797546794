// What a scan is once it is open, whatever files it lies in.

export type FrameStack = 'dark' | 'flat' | 'projection';

/** One frame, rows x columns; detectors' integers of up to 16 bits stay integers, everything else becomes f32. */
export type FrameValues = Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

export interface ScanFile {
  readonly rows: number;
  readonly columns: number;
  readonly dtype: 'u16' | 'f32';
  readonly counts: Readonly<Record<FrameStack, number>>;
  /** Radians, one a projection. */
  readonly theta: Float64Array;
  readonly readFrame: (stack: FrameStack, index: number) => FrameValues;
  readonly close: () => void;
  readonly [Symbol.dispose]: () => void;
}
