// Filtered back-projection in one call: with the SIMD kernel where it is given and its memory suffices, else in plain TypeScript.
import { fitsArena } from '../wasm/arena.ts';
import { reconstructFbpPlain } from './fbp.ts';
import type { FbpOptions } from './fbp-options.ts';
import { fbpBytes, reconstructFbpSimd } from './simd-fbp.ts';

/** Slices x grid rows x grid columns, attenuation per column. Throws `InputError`. */
export function reconstructFbp(options: FbpOptions): Float32Array<ArrayBuffer> {
  const { kernel } = options;
  return kernel && fitsArena(fbpBytes(options)) ? reconstructFbpSimd(kernel, options) : reconstructFbpPlain(options);
}
