// Exact projections of ellipses: a detector bin measures the mean of the line integrals over its width, in closed form.
import type { Ellipse } from './ellipses.ts';

/** The unit of length is one column; the phantom's [-1, 1] is spread over all columns. */
export interface ProjectionGeometry {
  readonly columns: number;
  readonly theta: Float64Array;
  /** Rotation axis as a sample index; bin i covers s = i - centre - 1/2 .. i - centre + 1/2. Default columns / 2. */
  readonly centre?: number | undefined;
}

/** Sinogram of one slice (angles x columns): bin-averaged line integrals in columns x density. */
export function projectEllipses(ellipses: readonly Ellipse[], geometry: ProjectionGeometry): Float32Array<ArrayBuffer> {
  const { columns, theta, centre = columns / 2 } = geometry;
  const unit = columns / 2;
  const sinogram = new Float32Array(theta.length * columns);
  const line = new Float64Array(columns);
  for (let angle = 0; angle < theta.length; angle++) {
    line.fill(0);
    for (const ellipse of ellipses) addProjection(line, ellipse, theta[angle] as number, { unit, centre });
    sinogram.set(line, angle * columns);
  }
  return sinogram;
}

/**
 * The line integral of an ellipse is 2 density a b sqrt(w^2 - t^2) / w^2, with w its half width seen at theta and t the distance from its
 * projected centre (Kak and Slaney, section 3.1); the antiderivative of sqrt(w^2 - t^2) is (t sqrt(w^2 - t^2) + w^2 asin(t / w)) / 2.
 */
function addProjection(
  line: Float64Array,
  { density, a, b, x, y, turn }: Ellipse,
  theta: number,
  { unit, centre }: { readonly unit: number; readonly centre: number },
): void {
  const along = a * Math.cos(theta - turn) * unit;
  const across = b * Math.sin(theta - turn) * unit;
  const width = Math.hypot(along, across);
  const middle = (x * Math.cos(theta) + y * Math.sin(theta)) * unit + centre;
  const factor = (2 * density * a * b * unit * unit) / (width * width);
  const first = Math.max(0, Math.floor(middle - width - 0.5));
  const last = Math.min(line.length - 1, Math.ceil(middle + width + 0.5));
  let before = halfDiskArea(first - 0.5 - middle, width);
  for (let i = first; i <= last; i++) {
    const after = halfDiskArea(i + 0.5 - middle, width);
    line[i] = (line[i] as number) + factor * (after - before);
    before = after;
  }
}

function halfDiskArea(distance: number, width: number): number {
  const t = Math.max(-width, Math.min(width, distance));
  return 0.5 * (t * Math.sqrt(width * width - t * t) + width * width * Math.asin(t / width));
}
