// ML-EM, OSEM, SIRT and back-projection with siddon.as.ts: up to sixteen slices that share an axis lie interleaved, so a ray is traced
// once for all of them. Memory, all made in the constructor, for L = 4, 8 or 16 slices: 2 x 4 L bytes a cell for picture
// and update, 4 L bytes a measured value, and up to 960 bytes a row (`rowPitch`). L is the largest that keeps this below 256 MiB: 256 columns
// from 180 angles take 12 MB with L = 16; 2,048 columns from 1,500 angles 210 MB with L = 4.
import type { GridShape } from '../scan/grid.ts';
import { resolveCentres } from '../scan/scan.ts';
import { Arena, type KernelMemory, type Region } from '../wasm/arena.ts';
import type { BackProjectOptions } from './back-project.ts';
import { blocksOf, type IterativeOptions, resolveIterative, sameCentreGroups } from './iterative-options.ts';
import { rayDirection, rayOffset } from './rays.ts';

interface SiddonExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly configure: (...args: number[]) => void;
  readonly project: (
    measured: number,
    cosine: number,
    sine: number,
    offset: number,
    method: number,
    weigh: number,
  ) => void;
  readonly apply: (method: number) => void;
}

/** As siddon.as.ts numbers them. */
const methods = { multiply: 0, add: 1, smear: 2 } as const;
type Method = (typeof methods)[keyof typeof methods];

const lanesPossible = [16, 8, 4] as const;
const tileBytesMax = 256 * 2 ** 20;

/** The sizes of a tile of slices. */
interface TileShape {
  readonly grid: GridShape;
  readonly angles: number;
  readonly columns: number;
  readonly lanes: number;
}

/** Reconstructs slices x grid rows x grid columns. `module` is siddon.as.ts, compiled. Throws `InputError`; `RangeError` without memory. */
export function reconstructIterativeSimd(
  module: WebAssembly.Module,
  options: IterativeOptions,
): Float32Array<ArrayBuffer> {
  const { iterations, blocks, start } = resolveIterative(options);
  const method = options.algorithm === 'sirt' ? methods.add : methods.multiply;
  const angles = blocksOf(options.angles, blocks, options.order);
  const values = startPicture(options, start);
  overTiles(module, options, values, (tile, centre) => {
    for (let iteration = 0; iteration < iterations; iteration++) {
      for (const block of angles) {
        // With one block the weights stay what they are.
        const weigh = iteration === 0 || angles.length > 1;
        if (weigh) tile.clearWeights();
        tile.step(block, { method, centre, theta: options.theta, weigh });
      }
    }
  });
  return values;
}

/** One step with all the angles on the picture so far, in place: OSEM by arriving groups. */
export function updateWithAnglesSimd(
  module: WebAssembly.Module,
  options: IterativeOptions,
  values: Float32Array,
): void {
  resolveIterative({ ...options, blocks: 1 });
  const method = options.algorithm === 'sirt' ? methods.add : methods.multiply;
  const [all = new Uint32Array(0)] = blocksOf(options.angles, 1);
  overTiles(module, options, values, (tile, centre) => {
    tile.clearWeights();
    tile.step(all, { method, centre, theta: options.theta, weigh: true });
  });
}

/** Adds A^T b to the start value of every cell. */
export function backProjectSimd(module: WebAssembly.Module, options: BackProjectOptions): Float32Array<ArrayBuffer> {
  const { start } = resolveIterative({ ...options, algorithm: 'sirt' });
  const [all = new Uint32Array(0)] = blocksOf(options.angles, 1);
  const values = startPicture(options, start);
  overTiles(module, options, values, (tile, centre) => {
    tile.step(all, { method: methods.smear, centre, theta: options.theta, weigh: false });
  });
  return values;
}

function startPicture({ slices, columns, grid }: BackProjectOptions, start: number): Float32Array<ArrayBuffer> {
  return new Float32Array(slices * (grid ? grid.rows * grid.columns : columns * columns)).fill(start);
}

/** Works on the picture so far, in place. */
function overTiles(
  module: WebAssembly.Module,
  options: BackProjectOptions,
  values: Float32Array,
  run: (tile: Tile, centre: number) => void,
): void {
  const { slices, angles, columns, sinogram } = options;
  const grid = options.grid ?? { rows: columns, columns };
  const groups = sameCentreGroups(resolveCentres(options.centre ?? columns / 2, slices, columns));
  const together = Math.max(...groups.map((group) => group.slices.length));
  const tile = new Tile(module, chooseLanes({ grid, angles, columns }, together));
  for (const group of groups) {
    for (let first = 0; first < group.slices.length; first += tile.lanes) {
      const part = group.slices.slice(first, first + tile.lanes);
      tile.load(sinogram, part);
      tile.begin(values, part);
      run(tile, group.centre);
      tile.store(values, part);
    }
  }
}

/** Bytes of memory that four slices of these sizes take; more are worked on together only where that is below `tileBytesMax`. */
export function iterativeBytes(options: Pick<IterativeOptions, 'angles' | 'columns' | 'grid'>): number {
  const { angles, columns, grid = { rows: columns, columns } } = options;
  return tileBytes({ angles, columns, grid, lanes: 4 });
}

/** Picture, update and weights; what was measured; crossings and pieces of a ray. */
function tileBytes({ grid, angles, columns, lanes }: TileShape): number {
  const cells = grid.rows * rowPitch(grid.columns, lanes);
  return 4 * ((2 * lanes + 1) * cells + lanes * angles * columns) + 24 * (grid.rows + grid.columns) + 65_536;
}

/** As few lanes as hold all slices, and no more than fit. */
function chooseLanes(shape: Omit<TileShape, 'lanes'>, slices: number): TileShape {
  const fits = (lanes: number): boolean => tileBytes({ ...shape, lanes }) <= tileBytesMax;
  const lanes = lanesPossible.find((count) => (count / 2 < slices || count === 4) && fits(count)) ?? 4;
  return { ...shape, lanes };
}

/**
 * Cells from one row of the picture to the next. Rows a power of two apart would compete for a few places of the cache: a ray meets one or
 * two cells of each. Five cache lines more than a multiple of sixteen took a sixth off 256 columns.
 */
function rowPitch(columns: number, lanes: number): number {
  const cellsALine = 16 / lanes;
  const lines = Math.ceil(columns / cellsALine);
  return cellsALine * (lines + ((21 - (lines % 16)) % 16));
}

/** The slices that are in work together. */
class Tile {
  readonly lanes: number;
  /** Cells from one row of the picture to the next. */
  readonly #pitch: number;
  readonly #shape: TileShape;
  readonly #kernel: SiddonExports;
  readonly #arena: Arena;
  readonly #picture: Region;
  readonly #weights: Region;
  readonly #measured: Region;

  constructor(module: WebAssembly.Module, shape: TileShape) {
    const { grid, angles, columns, lanes } = shape;
    const pitch = rowPitch(grid.columns, lanes);
    const cells = grid.rows * pitch;
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.lanes = lanes;
    this.#pitch = pitch;
    this.#shape = shape;
    this.#kernel = instance.exports as unknown as SiddonExports;
    this.#arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    this.#picture = this.#arena.allocate(cells * lanes);
    const update = this.#arena.allocate(cells * lanes);
    this.#weights = this.#arena.allocate(cells);
    this.#measured = this.#arena.allocate(angles * columns * lanes);
    const crossings = this.#arena.allocate(Math.max(grid.rows, grid.columns) + 16);
    const pieces = this.#arena.allocate(2 * (2 * (grid.rows + grid.columns) + 16));
    // biome-ignore format: the sizes, then the places.
    this.#kernel.configure(
      grid.rows, grid.columns, columns, lanes, 4 * lanes * pitch,
      this.#picture.pointer, update.pointer, this.#weights.pointer, crossings.pointer, pieces.pointer,
    );
  }

  /** Interleaves what was measured of some slices; lanes without a slice hold zeros. */
  load(sinogram: Float32Array, slices: readonly number[]): void {
    const { lanes } = this;
    const { values } = this.#arena;
    const { at, length } = this.#measured;
    const perSlice = this.#shape.angles * this.#shape.columns;
    if (slices.length < lanes) values.fill(0, at, at + length);
    slices.forEach((slice, lane) => {
      const from = slice * perSlice;
      for (let i = 0; i < perSlice; i++) values[at + i * lanes + lane] = sinogram[from + i] as number;
    });
  }

  /** Interleaves the pictures to begin with; lanes without a slice repeat the first, which keeps them finite. */
  begin(pictures: Float32Array, slices: readonly number[]): void {
    const { lanes } = this;
    const { values } = this.#arena;
    const { rows, columns } = this.#shape.grid;
    for (let lane = 0; lane < lanes; lane++) {
      let from = (slices[lane] ?? slices[0] ?? 0) * rows * columns;
      for (let row = 0; row < rows; row++) {
        let to = this.#picture.at + row * this.#pitch * lanes + lane;
        for (const end = from + columns; from < end; from++, to += lanes) values[to] = pictures[from] as number;
      }
    }
  }

  clearWeights(): void {
    this.#arena.values.fill(0, this.#weights.at, this.#weights.at + this.#weights.length);
  }

  /** One pass over some angles. */
  step(
    angles: Uint32Array,
    {
      method,
      centre,
      theta,
      weigh,
    }: { readonly method: Method; readonly centre: number; readonly theta: Float64Array; readonly weigh: boolean },
  ): void {
    const { columns } = this.#shape;
    const offset = rayOffset(columns, centre);
    for (const angle of angles) {
      const { cosine, sine } = rayDirection(theta[angle] as number);
      const measured = this.#measured.pointer + 4 * angle * columns * this.lanes;
      this.#kernel.project(measured, cosine, sine, offset, method, weigh ? 1 : 0);
    }
    this.#kernel.apply(method);
  }

  /** Takes the slices apart again. */
  store(out: Float32Array, slices: readonly number[]): void {
    const { lanes } = this;
    const { values } = this.#arena;
    const { rows, columns } = this.#shape.grid;
    slices.forEach((slice, lane) => {
      let to = slice * rows * columns;
      for (let row = 0; row < rows; row++) {
        let from = this.#picture.at + row * this.#pitch * lanes + lane;
        for (const end = to + columns; to < end; to++, from += lanes) out[to] = values[from] as number;
      }
    });
  }
}
