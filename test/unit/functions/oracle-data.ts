// The reference data beside the project: where it lies, and how its arrays are read. Tests that need it are skipped where it is missing.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { decodeNpy } from '../../../functions/formats/index.ts';

const root = resolve(import.meta.dirname, '../../../../shared/data');

export const hasOracles = existsSync(resolve(root, 'tomopy/gridrec_shepp.npy'));
export const toothPath = resolve(root, 'tooth.h5');
export const hasTooth = existsSync(toothPath);

/** To be put in the name of a skipped suite. */
export const missingReason = 'skipped without ../shared/data beside the project';

export function readOracle(name: string): { readonly shape: readonly number[]; readonly values: Float32Array } {
  const { shape, values } = decodeNpy(readFileSync(resolve(root, 'tomopy', `${name}.npy`)), name);
  return { shape, values: Float32Array.from(values) };
}

export function readOracleDoubles(name: string): Float64Array {
  return Float64Array.from(decodeNpy(readFileSync(resolve(root, 'tomopy', `${name}.npy`)), name).values);
}

/** (angles, slices, columns) to (slices, angles, columns). */
export function toSinogram(values: Float32Array, shape: readonly number[]): Float32Array {
  const [angles = 0, slices = 0, columns = 0] = shape;
  const sinogram = new Float32Array(values.length);
  for (let angle = 0; angle < angles; angle++) {
    for (let slice = 0; slice < slices; slice++) {
      const from = (angle * slices + slice) * columns;
      sinogram.set(values.subarray(from, from + columns), (slice * angles + angle) * columns);
    }
  }
  return sinogram;
}

/** The projections behind most of the reference results: 16 angles, 8 slices, 48 columns. */
export function oracleScan() {
  const { shape, values } = readOracle('proj');
  const [angles = 0, slices = 0, columns = 0] = shape;
  return { sinogram: toSinogram(values, shape), slices, angles, columns, theta: readOracleDoubles('angle') };
}
