// A scan of the analytic phantom, made frame by frame: u16 counts with darks and flats, every row another cut, truth known.
import { createCounts, drawEllipses, phantomRow, projectEllipses, truthScale } from '../phantom/index.ts';
import { type FrameKind, type ScanMetadata, type ScanSource, scanFrames } from './frame.ts';

export interface PhantomScanOptions {
  readonly scan: string;
  readonly rows: number;
  readonly columns: number;
  /** Projections, evenly over half a turn, end excluded. */
  readonly angles: number;
  /** Their angles in radians where they are others. */
  readonly theta?: Float64Array | undefined;
  readonly seed: number;
  readonly darks?: number | undefined;
  readonly flats?: number | undefined;
  /** Rotation axis as a sample index. Default columns / 2. */
  readonly centre?: number | undefined;
  /** Photon noise. Default off. */
  readonly noise?: boolean | undefined;
}

export interface PhantomScan extends ScanSource {
  /** Density (0 .. 1) of row `row`, columns x columns. Reconstructed slices are this times `truthScale`. */
  readonly truth: (row: number) => Float32Array;
  readonly truthScale: number;
}

const fieldFramesDefault = 10;

export function phantomScan(options: PhantomScanOptions): PhantomScan {
  const { scan, rows, columns, angles, seed, noise } = options;
  const counts = {
    dark: options.darks ?? fieldFramesDefault,
    flat: options.flats ?? fieldFramesDefault,
    projection: angles,
  };
  for (const [name, value] of Object.entries({ rows, columns, angles, ...counts })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} is ${value}; a phantom scan needs a whole number >= 1.`);
  }
  const theta = options.theta ?? Float64Array.from({ length: angles }, (_, i) => (Math.PI * i) / angles);
  const metadata: ScanMetadata = { scan, rows, columns, dtype: 'u16', counts, theta };
  const detector = createCounts({ rows, columns, seed, noise });

  const image = (kind: FrameKind, index: number): Uint8Array => {
    const values =
      kind === 'projection'
        ? detector.projection(projectRows(options, theta[index] as number), index)
        : detector[kind](index);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };

  return {
    metadata,
    image,
    frames: () => scanFrames(metadata, image),
    truth: (row) => drawEllipses(phantomRow(row, rows), columns),
    truthScale: truthScale(columns),
    close: () => undefined,
  };
}

/** Line integrals of all rows at one angle (rows x columns). */
function projectRows({ rows, columns, centre }: PhantomScanOptions, angle: number): Float32Array {
  const lines = new Float32Array(rows * columns);
  const theta = Float64Array.of(angle);
  for (let row = 0; row < rows; row++) {
    lines.set(projectEllipses(phantomRow(row, rows), { columns, theta, centre }), row * columns);
  }
  return lines;
}
