// The whole of it in one call: checks the input, reconstructs, masks. For many scans of one shape make one `Reconstructor`.
import { circularMask } from '../scan/circular-mask.ts';
import type { GridShape } from '../scan/grid.ts';
import { assertScan, resolveCentres, type Scan } from '../scan/scan.ts';
import { type GridrecMode, Reconstructor } from './reconstructor.ts';

export interface ReconstructOptions extends Scan {
  /** Rotation axis as a sample index (0 = first column), one for all slices or one a slice. Default columns / 2. */
  readonly centre?: number | Float64Array | undefined;
  readonly filter?: string | undefined;
  readonly filterParameters?: ArrayLike<number> | undefined;
  readonly grid?: GridShape | undefined;
  readonly mode?: GridrecMode | undefined;
  /** Pixels outside this part of the width are set to 0. Without it nothing is masked. */
  readonly maskRatio?: number | undefined;
}

/**
 * Reconstructs slices (slices x grid rows x grid columns, attenuation per column) from line integrals.
 * Throws `InputError` for input that no picture can be made from: wrong lengths, NaN or infinity, degrees for radians, a
 * centre outside the detector, no slices, more than 16,384 columns.
 */
export function reconstruct(options: ReconstructOptions): Float32Array<ArrayBuffer> {
  assertScan(options);
  const { sinogram, slices, angles, columns, theta, filter = 'shepp', filterParameters, mode = 'accurate' } = options;
  const centres = resolveCentres(options.centre ?? columns / 2, slices, columns);
  const reconstructor = new Reconstructor({
    angles,
    columns,
    theta,
    mode,
    filter,
    filterParameters,
    grid: options.grid,
  });
  const values = reconstructor.reconstruct(sinogram, centres);
  if (options.maskRatio !== undefined)
    circularMask(values, options.grid ?? { rows: columns, columns }, options.maskRatio);
  return values;
}
