// The rotation axis from the sinogram's centre of mass. For an object that no projection cuts off, the centre of mass of
// projection theta is c + a cos(theta) + b sin(theta) (first Helgason-Ludwig consistency condition), so c follows by least
// squares: exact, where entropy jitters by a tenth of a column. Worthless for cut-off objects, which it notices itself.
import type { Scan } from '../scan/scan.ts';

/** A whole object has the same mass in every projection; real flat fields leave half a percent. */
const massSpreadMax = 0.01;
/** Root mean square distance of the fit, in columns. */
const residualMax = 0.25;
/** A tenth of a turn of angles does not tell c from a and b. */
const spanMin = Math.PI / 2;

/** The axis as a sample index for the scan's first slice, or undefined where the object does not fit into the view. */
export function centreOfMass({ sinogram, angles, columns, theta }: Scan): number | undefined {
  let masses = 0;
  let squares = 0;
  const sums = new Float64Array(9);
  const right = new Float64Array(3);
  const centres = new Float64Array(angles);
  for (let angle = 0; angle < angles; angle++) {
    let mass = 0;
    let moment = 0;
    for (let column = 0; column < columns; column++) {
      const value = sinogram[angle * columns + column] as number;
      mass += value;
      moment += value * column;
    }
    masses += mass;
    squares += mass * mass;
    centres[angle] = moment / mass;
    const basis = basisAt(theta[angle] as number);
    for (let i = 0; i < 3; i++) {
      right[i] = (right[i] as number) + (basis[i] as number) * (centres[angle] as number);
      for (let j = 0; j < 3; j++)
        sums[3 * i + j] = (sums[3 * i + j] as number) + (basis[i] as number) * (basis[j] as number);
    }
  }
  const mean = masses / angles;
  const spread = Math.sqrt(Math.max(0, squares / angles - mean * mean)) / Math.abs(mean);
  if (!(spread < massSpreadMax) || spanOf(theta) < spanMin) return undefined;
  const fit = solve3(sums, right);
  return fit !== undefined && residualOf(centres, theta, fit) < residualMax ? fit[0] : undefined;
}

function basisAt(angle: number): readonly number[] {
  return [1, Math.cos(angle), Math.sin(angle)];
}

function residualOf(centres: Float64Array, theta: Float64Array, fit: readonly number[]): number {
  let sum = 0;
  for (let angle = 0; angle < centres.length; angle++) {
    const basis = basisAt(theta[angle] as number);
    const expected = basis.reduce((total, value, i) => total + value * (fit[i] as number), 0);
    sum += ((centres[angle] as number) - expected) ** 2;
  }
  return Math.sqrt(sum / centres.length);
}

function spanOf(theta: Float64Array): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const angle of theta) {
    low = Math.min(low, angle);
    high = Math.max(high, angle);
  }
  return high - low;
}

/** Gaussian elimination of a symmetric positive 3 x 3 system; undefined when it is singular. */
function solve3(matrix: Float64Array, right: Float64Array): readonly number[] | undefined {
  const m = Float64Array.from(matrix);
  const r = Float64Array.from(right);
  for (let i = 0; i < 3; i++) {
    const pivot = m[4 * i] as number;
    if (Math.abs(pivot) < 1e-9) return undefined;
    for (let k = i + 1; k < 3; k++) {
      const factor = (m[3 * k + i] as number) / pivot;
      for (let j = i; j < 3; j++) m[3 * k + j] = (m[3 * k + j] as number) - factor * (m[3 * i + j] as number);
      r[k] = (r[k] as number) - factor * (r[i] as number);
    }
  }
  const x = [0, 0, 0];
  for (let i = 2; i >= 0; i--) {
    let value = r[i] as number;
    for (let j = i + 1; j < 3; j++) value -= (m[3 * i + j] as number) * (x[j] as number);
    x[i] = value / (m[4 * i] as number);
  }
  return x;
}
