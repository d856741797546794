// What a reconstruction is given, and the checks that refuse what no picture can be made from: each says what is wrong,
// where, and what to do. The limits are named here.
import { InputError } from './errors.ts';

/** Wider detectors are cut into parts first: a grid of 2 x 16384 squared would need 8 GiB. */
export const columnsMax = 16_384;
export const columnsMin = 2;
/** More than two turns in radians is far likelier an angle list in degrees. */
export const thetaAbsoluteMax = 4 * Math.PI;

/** Line integrals of some slices: `sinogram[(slice * angles + angle) * columns + column]`, theta in radians. */
export interface Scan {
  readonly sinogram: Float32Array;
  readonly slices: number;
  readonly angles: number;
  readonly columns: number;
  readonly theta: Float64Array;
}

/** Sizes and angles of a scan, without its data. */
export type ScanShape = Omit<Scan, 'sinogram' | 'slices'>;

export function assertScanShape({ angles, columns, theta }: ScanShape): void {
  if (!Number.isInteger(columns) || columns < columnsMin || columns > columnsMax) {
    throw new InputError(
      'columns',
      `columns is ${columns}; a slice needs ${columnsMin} to ${columnsMax} detector columns. Crop or bin the frames.`,
    );
  }
  if (!Number.isInteger(angles) || angles < 1) {
    throw new InputError(
      'angles',
      `angles is ${angles}; at least one projection is needed. Did the scan's projections arrive?`,
    );
  }
  if (theta.length !== angles) {
    throw new InputError(
      'theta',
      `theta has ${theta.length} angles but there are ${angles} projections. Give one angle, in radians, a projection.`,
    );
  }
  for (let i = 0; i < theta.length; i++) assertAngle(theta[i] as number, `theta[${i}]`);
}

/** Throws `InputError` for what is no angle in radians. */
export function assertAngle(angle: number, name: string): void {
  if (!Number.isFinite(angle))
    throw new InputError('theta', `${name} is ${angle}; every angle must be a finite number.`);
  if (Math.abs(angle) > thetaAbsoluteMax) {
    throw new InputError(
      'degrees',
      `${name} is ${angle}, more than two turns in radians, so the angles look like degrees. ` +
        'Multiply them by pi/180; a scan of many turns is given modulo 2 pi.',
    );
  }
}

export function assertScan(scan: Scan): void {
  assertScanSizes(scan);
  assertFinite(scan.sinogram, scan);
}

/** All of `assertScan` but a look at each value, for those who see each value anyway. */
export function assertScanSizes(scan: Scan): void {
  assertScanShape(scan);
  const { sinogram, slices, angles, columns } = scan;
  if (!Number.isInteger(slices) || slices < 1) {
    throw new InputError(
      'slices',
      `slices is ${slices}; there is nothing to reconstruct. Give at least one detector row.`,
    );
  }
  const expected = slices * angles * columns;
  if (sinogram.length !== expected) {
    throw new InputError(
      'length',
      `sinogram has ${sinogram.length} values; ${slices} slices x ${angles} angles x ${columns} columns need ${expected}.`,
    );
  }
}

/** Throws `InputError` for NaN and infinity, with the place of the first one. */
export function assertFinite(
  sinogram: Float32Array,
  shape: { readonly angles: number; readonly columns: number },
): void {
  if (allFinite(sinogram)) return;
  const first = sinogram.findIndex((value) => !Number.isFinite(value));
  throw new InputError('not-finite', describeNotFinite(sinogram, shape, first));
}

/**
 * However many finite numbers of 32 bits there are, their sum is finite in 64 bits; any other makes it NaN or infinite. Four sums, because each
 * addition waits for the one before: a test a value was a tenth of a fast reconstruction.
 */
function allFinite(values: Float32Array): boolean {
  const end = values.length & ~3;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < end; i += 4) {
    a += values[i] as number;
    b += values[i + 1] as number;
    c += values[i + 2] as number;
    d += values[i + 3] as number;
  }
  for (let i = end; i < values.length; i++) a += values[i] as number;
  return Number.isFinite(a + b + c + d);
}

/** One centre a slice, from one number for all or a list. */
export function resolveCentres(centre: number | Float64Array, slices: number, columns: number): Float64Array {
  if (typeof centre !== 'number' && centre.length !== slices) {
    throw new InputError(
      'centre',
      `centre has ${centre.length} values for ${slices} slices; give one number, or one a slice.`,
    );
  }
  const centres = typeof centre === 'number' ? new Float64Array(slices).fill(centre) : centre;
  for (const value of centres) {
    if (!(value >= 0 && value <= columns)) {
      throw new InputError(
        'centre',
        `centre ${value} lies outside the detector (0 to ${columns} columns). Give the rotation axis as a column index.`,
      );
    }
  }
  return centres;
}

function describeNotFinite(
  sinogram: Float32Array,
  { angles, columns }: { readonly angles: number; readonly columns: number },
  index: number,
): string {
  const column = index % columns;
  const angle = Math.floor(index / columns) % angles;
  const slice = Math.floor(index / columns / angles);
  return (
    `sinogram is ${sinogram[index]} at slice ${slice}, angle ${angle}, column ${column}. ` +
    'Mask dead pixels, and take the logarithm of positive values only (minusLog clamps them).'
  );
}
