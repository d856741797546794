// Small scans for tests: angles, phantoms shrunk so that an off-centre axis still sees all of them, and seeded noise.
import { type Ellipse, projectEllipses, sheppLogan } from '../../../functions/phantom/index.ts';

export function evenAngles(count: number, turns = 0.5): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => (2 * Math.PI * turns * i) / count);
}

export function shrunkPhantom(scale: number): readonly Ellipse[] {
  return sheppLogan.map((ellipse) => ({
    ...ellipse,
    a: ellipse.a * scale,
    b: ellipse.b * scale,
    x: ellipse.x * scale,
    y: ellipse.y * scale,
  }));
}

export interface PhantomInput {
  readonly columns: number;
  readonly theta: Float64Array;
  readonly centre?: number;
  readonly scale?: number;
}

/** One slice as `reconstruct` takes it. */
export function phantomInput({ columns, theta, centre = columns / 2, scale = 1 }: PhantomInput) {
  const sinogram = projectEllipses(shrunkPhantom(scale), { columns, theta, centre });
  return { sinogram, slices: 1, angles: theta.length, columns, theta, centre };
}

/** Uniform in [0, 1), the same on every run (Numerical Recipes' linear congruential generator). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Roughly normal noise of standard deviation 1/2. */
export function roughNoise(random: () => number): number {
  return random() + random() + random() - 1.5;
}
