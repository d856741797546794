// Plain back-projection: each measured value is smeared along its ray, A^T b. What TomoPy calls fbp, without any filter.
import { resolveCentres } from '../scan/scan.ts';
import { type IterativeOptions, resolveIterative, sameCentreGroups } from './iterative-options.ts';
import { RayTracer, rayDirection, rayDistance, rayOffset } from './rays.ts';

export type BackProjectOptions = Omit<IterativeOptions, 'algorithm' | 'iterations' | 'blocks' | 'order'>;

/** Adds A^T b to the start value of every cell. */
export function backProjectPlain(options: BackProjectOptions): Float32Array<ArrayBuffer> {
  const { sinogram, slices, angles, columns, theta } = options;
  const { grid, start } = resolveIterative({ ...options, algorithm: 'sirt' });
  const cells = grid.rows * grid.columns;
  const values = new Float32Array(slices * cells).fill(start);
  const tracer = new RayTracer(grid);
  for (const group of sameCentreGroups(resolveCentres(options.centre ?? columns / 2, slices, columns))) {
    const offset = rayOffset(columns, group.centre);
    for (let angle = 0; angle < angles; angle++) {
      const { cosine, sine } = rayDirection(theta[angle] as number);
      for (let pixel = 0; pixel < columns; pixel++) {
        const count = tracer.trace(rayDistance(columns, pixel, offset), cosine, sine);
        for (const slice of group.slices) {
          const measured = sinogram[(slice * angles + angle) * columns + pixel] as number;
          for (let k = 0; k < count; k++) {
            const cell = slice * cells + (tracer.cells[k] as number);
            values[cell] = (values[cell] as number) + measured * (tracer.lengths[k] as number);
          }
        }
      }
    }
  }
  return values;
}
