// GridRec written straight from its definition (sums instead of FFTs, no pairs, no fast path): an oracle for sizes, axes and angles that the
// stored reference results do not cover. Slow on purpose.
import { createProlateFunction, tabulateKernel } from '../../../functions/kernels/gridrec/pswf.ts';

export interface NaiveInput {
  readonly sinogram: Float32Array;
  readonly columns: number;
  readonly theta: Float64Array;
  readonly centre: number;
}

/** One slice, shepp filter, TomoPy's conventions. */
export function naiveGridrec({ sinogram, columns, theta, centre }: NaiveInput): Float64Array {
  let size = 16;
  while (size < columns) size *= 2;
  const half = size / 2;
  const prolate = createProlateFunction();
  const kernel = tabulateKernel(prolate, 256);
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  theta.forEach((angle, a) => {
    const cosine = Math.fround(Math.cos(Math.fround(angle)));
    const sine = Math.fround(Math.sin(Math.fround(angle)));
    for (let j = 1; j < half; j++) {
      const x = j / size;
      const gain = (2 * x * (Math.sin(Math.PI * x) / (Math.PI * x)) * Math.PI) / (size * theta.length);
      let cr = 0;
      let ci = 0;
      for (let s = 0; s < columns; s++) {
        const phase = (2 * Math.PI * j * (s - centre)) / size;
        cr += gain * (sinogram[a * columns + s] as number) * Math.cos(phase);
        ci += gain * (sinogram[a * columns + s] as number) * Math.sin(phase);
      }
      const u = Math.fround(half + Math.fround(j * cosine));
      const v = Math.fround(half + Math.fround(j * sine));
      for (let iu = Math.max(1, Math.ceil(u - 2)); iu <= Math.min(size - 1, Math.floor(Math.fround(u + 2))); iu++) {
        for (let iv = Math.max(1, Math.ceil(v - 2)); iv <= Math.min(size - 1, Math.floor(Math.fround(v + 2))); iv++) {
          const w =
            (kernel[Math.round(Math.abs(u - iu) * 256)] as number) *
            (kernel[Math.round(Math.abs(v - iv) * 256)] as number);
          const plus = iu * size + iv;
          const minus = (size - iu) * size + size - iv;
          re[plus] = (re[plus] as number) + w * cr;
          im[plus] = (im[plus] as number) + w * ci;
          re[minus] = (re[minus] as number) + w * cr;
          im[minus] = (im[minus] as number) - w * ci;
        }
      }
    }
  });
  const padding = Math.floor((size - columns) / 2);
  const correction = (k: number): number => {
    const distance = Math.abs(k + padding - (half - 1));
    const w = kernel[Math.min(512, Math.round((distance * 512) / (half - 0.5)))] as number;
    return Math.sqrt(Math.PI / 2 / 7 / prolate.concentration) / 1.2 / w;
  };
  const image = new Float64Array(columns * columns);
  const origin = half - padding;
  for (let j = 0; j < columns; j++) {
    for (let k = 0; k < columns; k++) {
      let sum = 0;
      for (let u = 0; u < size; u++) {
        for (let v = 0; v < size; v++) {
          const phase = (-2 * Math.PI * ((u - half) * (j - origin) + (v - half) * (k - origin))) / size;
          sum += (re[u * size + v] as number) * Math.cos(phase) - (im[u * size + v] as number) * Math.sin(phase);
        }
      }
      image[(columns - 1 - k) * columns + j] = sum * correction(j) * correction(k);
    }
  }
  return image;
}
