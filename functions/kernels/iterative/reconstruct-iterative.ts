// The methods that follow rays, in one call: with the SIMD kernel where it is given and its memory suffices, else in plain TypeScript.
import { fitsArena } from '../wasm/arena.ts';
import { type BackProjectOptions, backProjectPlain } from './back-project.ts';
import { reconstructIterativePlain, updateWithAnglesPlain } from './iterative.ts';
import type { IterativeOptions } from './iterative-options.ts';
import { backProjectSimd, iterativeBytes, reconstructIterativeSimd, updateWithAnglesSimd } from './simd-iterative.ts';

/** ML-EM, OSEM or SIRT: slices x grid rows x grid columns. Throws `InputError`. */
export function reconstructIterative(options: IterativeOptions): Float32Array<ArrayBuffer> {
  const { kernel } = options;
  return kernel && fitsArena(iterativeBytes(options))
    ? reconstructIterativeSimd(kernel, options)
    : reconstructIterativePlain(options);
}

/**
 * One step with projections that have just come (`options` holds only these) on the picture so far, in place: OSEM by arriving groups.
 * Throws `InputError`.
 */
export function updateWithAngles(options: IterativeOptions, values: Float32Array): void {
  const { kernel } = options;
  if (kernel && fitsArena(iterativeBytes(options))) updateWithAnglesSimd(kernel, options, values);
  else updateWithAnglesPlain(options, values);
}

/** A^T b, added to the start value of every cell. Throws `InputError`. */
export function backProject(options: BackProjectOptions): Float32Array<ArrayBuffer> {
  const { kernel } = options;
  return kernel && fitsArena(iterativeBytes(options)) ? backProjectSimd(kernel, options) : backProjectPlain(options);
}
