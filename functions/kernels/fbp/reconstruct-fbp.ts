// Filtered back-projection in one call: with the SIMD kernel where it is given, else in plain TypeScript.
import { reconstructFbpPlain } from './fbp.ts';
import type { FbpOptions } from './fbp-options.ts';
import { reconstructFbpSimd } from './simd-fbp.ts';

/** Slices x grid rows x grid columns, attenuation per column. Throws `InputError`. */
export function reconstructFbp(options: FbpOptions): Float32Array<ArrayBuffer> {
  return options.kernel ? reconstructFbpSimd(options.kernel, options) : reconstructFbpPlain(options);
}
