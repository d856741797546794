// Pictures of one slice with several axes, for one or two reconstructions' price: each number of a sample holds two slices, which here are the
// same one with another axis.
import { planGridrec, type ReconstructorOptions } from './plan.ts';
import { Reconstructor } from './reconstructor.ts';
import { SimdReconstructor, slicesTogether } from './simd-reconstructor.ts';

export const picturesTogether = slicesTogether;

/** The pictures of the line integrals with up to four axes. The next call writes over them. */
export type CentrePictures = (sinogram: Float32Array, centres: readonly number[]) => readonly Float32Array[];

export function createCentrePictures(
  kernel: WebAssembly.Module | undefined,
  options: ReconstructorOptions,
): CentrePictures {
  const plan = planGridrec(options);
  const pixels = plan.grid.rows * plan.grid.columns;
  const values = new Float32Array(picturesTogether * pixels);
  const pictures = (count: number): Float32Array[] =>
    Array.from({ length: count }, (_, i) => values.subarray(i * pixels, (i + 1) * pixels));
  if (kernel) {
    const simd = new SimdReconstructor(kernel, plan);
    return (sinogram, centres) => {
      const quad = centres.map((centre, i) => ({ from: 0, centre, to: i * pixels }));
      simd.reconstructQuad(sinogram, quad, values);
      return pictures(centres.length);
    };
  }
  const plain = new Reconstructor(plan);
  return (sinogram, centres) => {
    for (let i = 0; i < centres.length; i += 2) {
      const firstCentre = centres[i] as number;
      const secondCentre = centres[i + 1] ?? firstCentre;
      plain.reconstructPair(
        { sinogram, first: 0, second: 0, firstCentre, secondCentre },
        { values, first: i * pixels, second: (i + 1) * pixels },
      );
    }
    return pictures(centres.length);
  };
}
