/** What is measured: sizes, and our two ways of doing it. */
import {
  type IterativeOptions,
  type ReconstructOptions,
  ReconstructorCache,
  reconstruct,
  reconstructIterative,
} from '../../../functions/kernels/index.ts';
import { projectEllipses, sheppLogan } from '../../../functions/phantom/index.ts';
import { loadKernel } from '../../harness/kernels.ts';

export interface KernelCase {
  readonly name: string;
  readonly algorithm: 'gridrec' | 'mlem';
  readonly scan: ReconstructOptions & { readonly sinogram: Float32Array<ArrayBuffer> };
  /** 1 for gridrec. Times are for one. */
  readonly iterations: number;
  /** Runs of which the best counts, in each round. */
  readonly repeats: number;
  readonly simd: () => Float32Array;
  readonly plain: () => Float32Array;
}

interface Sizes {
  readonly name: string;
  readonly columns: number;
  readonly angles: number;
  readonly slices: number;
  readonly repeats: number;
}

export async function gridrecCase(sizes: Sizes): Promise<KernelCase> {
  const cache = new ReconstructorCache(await loadKernel('gridrec'));
  const plainCache = new ReconstructorCache();
  const scan = { ...phantomSlices(sizes), mode: 'compat' as const };
  return {
    ...sizes,
    algorithm: 'gridrec',
    scan,
    iterations: 1,
    simd: () => reconstruct({ ...scan, cache }),
    plain: () => reconstruct({ ...scan, cache: plainCache }),
  };
}

export async function mlemCase(sizes: Sizes): Promise<KernelCase> {
  const kernel = await loadKernel('iterative');
  const iterations = 2;
  const scan = phantomSlices(sizes);
  const options: IterativeOptions = { ...scan, algorithm: 'mlem', iterations };
  return {
    ...sizes,
    algorithm: 'mlem',
    scan,
    iterations,
    simd: () => reconstructIterative({ ...options, kernel }),
    plain: () => reconstructIterative(options),
  };
}

/** The phantom as often as there are slices, each a little brighter. */
function phantomSlices({ columns, angles, slices }: Sizes) {
  const theta = Float64Array.from({ length: angles }, (_, i) => (Math.PI * i) / angles);
  const line = projectEllipses(sheppLogan, { columns, theta });
  const sinogram = new Float32Array(slices * line.length);
  for (let slice = 0; slice < slices; slice++) {
    sinogram.set(
      line.map((value) => value * (1 + slice / slices)),
      slice * line.length,
    );
  }
  return { sinogram, slices, angles, columns, theta };
}
