// Rings in a slice are stripes in its sinogram: detector columns that always say too much or too little. Vo's sorting method (Vo et al. 2018,
// "Superior techniques for eliminating ring artifacts in X-ray micro-tomography", algorithm 3): each column's values are sorted, so that a stripe
// becomes an offset along its whole length; a median across neighbouring columns takes it out; the values go back to where they were.
import { InputError } from '../scan/errors.ts';
import type { Scan } from '../scan/scan.ts';
import { cleanPlain, type RingShape } from './remove-rings-plain.ts';
import { RingKernel } from './simd-rings.ts';

/** Columns of the median; wider than the widest stripe by a factor of two. */
export const ringWidthDefault = 21;
const ringWidthMax = 501;

/** A new sinogram (slices x angles x columns) without stripes. `width` is odd; `kernel` is rings.as.ts, compiled. Throws `InputError`. */
export function removeRings(
  { sinogram, slices, angles, columns }: Omit<Scan, 'theta'>,
  width = ringWidthDefault,
  kernel?: WebAssembly.Module,
): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(width) || width < 1 || width > ringWidthMax || width % 2 === 0) {
    throw new InputError(
      'option',
      `the width of rings is ${width}; give an odd number of columns up to ${ringWidthMax}.`,
    );
  }
  const cleaned = new Float32Array(sinogram.length);
  const shape: RingShape = { angles, columns, width };
  const simd = kernel && new RingKernel(kernel, shape);
  for (let slice = 0; slice < slices; slice++) {
    const [from, to] = [slice * angles * columns, (slice + 1) * angles * columns];
    const [lines, target] = [sinogram.subarray(from, to), cleaned.subarray(from, to)];
    if (simd) simd.clean(lines, target);
    else cleanPlain(lines, target, shape);
  }
  return cleaned;
}
