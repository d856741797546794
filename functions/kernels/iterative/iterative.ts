// ML-EM, OSEM and SIRT in plain TypeScript, one ray at a time for all slices of a group that share an axis: the second opinion
// on siddon.as.ts, and what a scan is reconstructed with that does not fit into a WebAssembly memory.
//   ML-EM   x <- x [A^T (b / A x)] / [A^T 1]                 (Shepp and Vardi 1982; Lange and Carson 1984)
//   OSEM    the same for one block of angles after the other (Hudson and Larkin 1994)
//   SIRT    x <- x + [A^T ((b - A x) / sum l^2)] / [A^T 1]   (Gilbert 1972)
// Cells that no ray meets keep their value. Where A x is 0 the ratio counts as 0, and a negative b as 0.
import { resolveCentres } from '../scan/scan.ts';
import { blocksOf, type IterativeOptions, resolveIterative, sameCentreGroups } from './iterative-options.ts';
import { RayTracer, rayDirection, rayDistance, rayOffset } from './rays.ts';

/** Slices for which a ray is traced once: of more, the cells of a ray no longer stay in the cache until the next ray needs them. */
const slicesTogether = 4;

interface SliceGroup {
  readonly centre: number;
  readonly slices: readonly number[];
}

function inParts({ centre, slices }: SliceGroup): SliceGroup[] {
  return Array.from({ length: Math.ceil(slices.length / slicesTogether) }, (_, i) => ({
    centre,
    slices: slices.slice(i * slicesTogether, (i + 1) * slicesTogether),
  }));
}

/** Reconstructs slices x grid rows x grid columns. Throws `InputError`. */
export function reconstructIterativePlain(options: IterativeOptions): Float32Array<ArrayBuffer> {
  const { grid, iterations, blocks, start } = resolveIterative(options);
  const cells = grid.rows * grid.columns;
  const values = new Float32Array(options.slices * cells).fill(start);
  const centres = resolveCentres(options.centre ?? options.columns / 2, options.slices, options.columns);
  for (const group of sameCentreGroups(centres).flatMap(inParts)) {
    const step = new Step(options, grid, { values, group });
    for (let iteration = 0; iteration < iterations; iteration++) {
      for (const block of blocksOf(options.angles, blocks, options.order)) step.run(block);
    }
  }
  return values;
}

/** One step with all the angles on the picture so far, in place. Throws `InputError`. */
export function updateWithAnglesPlain(options: IterativeOptions, values: Float32Array): void {
  const { grid } = resolveIterative({ ...options, blocks: 1 });
  const centres = resolveCentres(options.centre ?? options.columns / 2, options.slices, options.columns);
  const block = Uint32Array.from({ length: options.angles }, (_, angle) => angle);
  for (const group of sameCentreGroups(centres)) new Step(options, grid, { values, group }).run(block);
}

/** One pass over a block of angles, for the slices of one group. */
class Step {
  readonly #options: IterativeOptions;
  readonly #tracer: RayTracer;
  readonly #values: Float32Array;
  readonly #group: SliceGroup;
  readonly #updates: readonly Float32Array[];
  readonly #weights: Float32Array;

  constructor(
    options: IterativeOptions,
    grid: { readonly rows: number; readonly columns: number },
    work: {
      readonly values: Float32Array;
      readonly group: SliceGroup;
    },
  ) {
    const cells = grid.rows * grid.columns;
    this.#options = options;
    this.#tracer = new RayTracer(grid);
    this.#values = work.values;
    this.#group = work.group;
    this.#updates = work.group.slices.map(() => new Float32Array(cells));
    this.#weights = new Float32Array(cells);
  }

  run(angles: Uint32Array): void {
    const { theta, columns } = this.#options;
    const tracer = this.#tracer;
    for (const update of this.#updates) update.fill(0);
    this.#weights.fill(0);
    const offset = rayOffset(columns, this.#group.centre);
    for (const angle of angles) {
      const { cosine, sine } = rayDirection(theta[angle] as number);
      for (let pixel = 0; pixel < columns; pixel++) {
        const count = tracer.trace(rayDistance(columns, pixel, offset), cosine, sine);
        if (count > 0) this.#project(count, angle, pixel);
      }
    }
    this.#apply();
  }

  /** Forward along the traced ray, compare with what was measured, and back. */
  #project(count: number, angle: number, pixel: number): void {
    const { columns, angles, sinogram, algorithm } = this.#options;
    const { cells, lengths } = this.#tracer;
    const imageCells = this.#weights.length;
    const weights = this.#weights;
    let squares = 0;
    for (let k = 0; k < count; k++) {
      const length = lengths[k] as number;
      squares += length * length;
      const cell = cells[k] as number;
      weights[cell] = (weights[cell] as number) + length;
    }
    if (squares === 0) return;
    const { slices } = this.#group;
    for (let s = 0; s < slices.length; s++) {
      const slice = slices[s] as number;
      const measured = sinogram[(slice * angles + angle) * columns + pixel] as number;
      const sum = forward(this.#values, slice * imageCells, this.#tracer, count);
      const factor = algorithm === 'sirt' ? (measured - sum) / squares : sum > 0 && measured > 0 ? measured / sum : 0;
      const update = this.#updates[s] as Float32Array;
      for (let k = 0; k < count; k++) {
        const cell = cells[k] as number;
        update[cell] = (update[cell] as number) + factor * (lengths[k] as number);
      }
    }
  }

  #apply(): void {
    const weights = this.#weights;
    const imageCells = weights.length;
    const values = this.#values;
    const additive = this.#options.algorithm === 'sirt';
    for (const [s, slice] of this.#group.slices.entries()) {
      const update = this.#updates[s] as Float32Array;
      const at = slice * imageCells;
      for (let cell = 0; cell < imageCells; cell++) {
        const weight = weights[cell] as number;
        if (weight === 0) continue;
        const change = (update[cell] as number) / weight;
        const value = values[at + cell] as number;
        values[at + cell] = additive ? value + change : value * change;
      }
    }
  }
}

function forward(values: Float32Array, at: number, { cells, lengths }: RayTracer, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += (values[at + (cells[k] as number)] as number) * (lengths[k] as number);
  return sum;
}
