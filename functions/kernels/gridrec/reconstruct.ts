// The whole of it in one call: checks the input, reconstructs, masks. For many scans of one shape make one `Reconstructor`.
import { circularMask } from '../scan/circular-mask.ts';
import type { GridShape } from '../scan/grid.ts';
import { assertScanSizes, resolveCentres, type Scan } from '../scan/scan.ts';
import { fitsArena } from '../wasm/arena.ts';
import { type GridrecMode, planGridrec, type ReconstructorOptions } from './plan.ts';
import { Reconstructor } from './reconstructor.ts';
import { gridrecBytes, SimdReconstructor } from './simd-reconstructor.ts';

export interface ReconstructOptions extends Scan {
  /** Rotation axis as a sample index (0 = first column), one for all slices or one a slice. Default columns / 2. */
  readonly centre?: number | Float64Array | undefined;
  readonly filter?: string | undefined;
  readonly filterParameters?: ArrayLike<number> | undefined;
  readonly grid?: GridShape | undefined;
  readonly mode?: GridrecMode | undefined;
  /** gridrec.as.ts, compiled; without it, or where its memory is too small, plain TypeScript does the work. */
  readonly kernel?: WebAssembly.Module | undefined;
  /** Tables and buffers of the last call, for the next one of the same shape; it has its own kernel. */
  readonly cache?: ReconstructorCache | undefined;
  /** Pixels outside this part of the width are set to 0. Without it nothing is masked. */
  readonly maskRatio?: number | undefined;
}

/**
 * Reconstructs slices (slices x grid rows x grid columns, attenuation per column) from line integrals.
 * Throws `InputError` for input that no picture can be made from: wrong lengths, NaN or infinity, degrees for radians, a
 * centre outside the detector, no slices, more than 16,384 columns.
 */
export function reconstruct(options: ReconstructOptions): Float32Array<ArrayBuffer> {
  assertScanSizes(options);
  const { sinogram, slices, angles, columns, theta, filter = 'shepp', filterParameters, mode = 'accurate' } = options;
  const centres = resolveCentres(options.centre ?? columns / 2, slices, columns);
  const shape = { angles, columns, theta, mode, filter, filterParameters, grid: options.grid };
  const reconstructor = options.cache?.take(shape) ?? createReconstructor(options.kernel, shape);
  const values = reconstructor.reconstruct(sinogram, centres);
  if (options.maskRatio !== undefined)
    circularMask(values, options.grid ?? { rows: columns, columns }, options.maskRatio);
  return values;
}

/** For many scans of one shape. Widths whose grid does not fit into 4 GiB (more than 8,192 columns) are left to plain TypeScript. */
export function createReconstructor(
  kernel: WebAssembly.Module | undefined,
  options: ReconstructorOptions,
): Pick<Reconstructor, 'reconstruct'> {
  const plan = planGridrec(options);
  return kernel && fitsArena(gridrecBytes(plan)) ? new SimdReconstructor(kernel, plan) : new Reconstructor(plan);
}

/** Keeps the last reconstructor: the chunks of a scan have one shape, and tables take longer than a small chunk. */
export class ReconstructorCache {
  readonly #kernel: WebAssembly.Module | undefined;
  #last: { readonly shape: string; readonly reconstructor: Pick<Reconstructor, 'reconstruct'> } | undefined;

  constructor(kernel?: WebAssembly.Module) {
    this.#kernel = kernel;
  }

  take(options: ReconstructorOptions): Pick<Reconstructor, 'reconstruct'> {
    const { theta, filterParameters, ...rest } = options;
    const shape = JSON.stringify([rest, Array.from(theta), Array.from(filterParameters ?? [])]);
    if (this.#last?.shape !== shape) {
      // The old one goes first: two would need twice the memory.
      this.#last = undefined;
      this.#last = { shape, reconstructor: createReconstructor(this.#kernel, options) };
    }
    return this.#last.reconstructor;
  }
}
