/** TomoPy's test projections as a scan of frames, and what TomoPy made of them. */
import { type FrameKind, type ScanSource, scanFrames } from '../../functions/sources/index.ts';
import { readOracle, readOracleDoubles } from '../unit/functions/oracle-data.ts';

export const oracleCentre = 24;

/** Line integrals of up to 45 would leave no light: they are sent as 1/16, which costs no bit, and slices come out as 1/16. */
export const oracleScale = 16;

/** Line integrals x become frames of transmissions exp(-x / 16) between a dark field of 0 and a flat field of 1. */
export function oracleScan(scan: string): ScanSource {
  const { shape, values } = readOracle('proj');
  const [angles = 0, rows = 0, columns = 0] = shape;
  const theta = readOracleDoubles('angle');
  const counts = { dark: 1, flat: 1, projection: angles };
  const common = { scan, rows, columns, dtype: 'f32' } as const;
  const pixels = rows * columns;
  const bytes = (numbers: Float32Array) => new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  const lines = (index: number) => values.subarray(index * pixels, (index + 1) * pixels);
  const image = (kind: FrameKind, index: number) => {
    if (kind === 'projection') return bytes(lines(index).map((line) => Math.exp(-line / oracleScale)));
    return bytes(new Float32Array(pixels).fill(kind === 'flat' ? 1 : 0));
  };
  const metadata = { ...common, counts, theta };
  return { metadata, image, frames: () => scanFrames(metadata, image), close: () => undefined };
}

/** rows x columns x columns. */
export function oracleSlices(filter: string): Float32Array {
  return readOracle(`gridrec_${filter}`).values;
}
