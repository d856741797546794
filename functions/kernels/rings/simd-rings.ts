// Ring removal with rings.as.ts, four columns at a time. Memory: 4 bytes a value of a slice's sinogram, 32 bytes an angle (a power of two of them), and some
// rows: 2,048 columns from 1,500 angles take 13 MB.
import { Arena, type KernelMemory, type Region } from '../wasm/arena.ts';
import { medianAt, type RingShape } from './remove-rings-plain.ts';

interface RingsExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly sortColumns: (values: number, origins: number, count: number) => void;
  readonly medians: (row: number, width: number, count: number, to: number, kept: number) => void;
}

const lanes = 4;

export class RingKernel {
  readonly #kernel: RingsExports;
  readonly #shape: RingShape;
  /** Angles, filled up to a power of two. */
  readonly #ranks: number;
  /** Columns, filled up to whole vectors. */
  readonly #pitch: number;
  readonly #regions: Readonly<Record<'values' | 'origins' | 'sorted' | 'medians' | 'kept', Region>>;
  readonly #floats: Float32Array;
  readonly #origins: Int32Array;
  readonly #order: Uint32Array;

  constructor(module: WebAssembly.Module, shape: RingShape) {
    const { angles, columns, width } = shape;
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.#kernel = instance.exports as unknown as RingsExports;
    this.#shape = shape;
    this.#ranks = 2 ** Math.ceil(Math.log2(Math.max(2, angles)));
    this.#pitch = lanes * Math.ceil(columns / lanes);
    const arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    this.#regions = {
      values: arena.allocate(this.#ranks * lanes),
      origins: arena.allocate(this.#ranks * lanes),
      // Windows of the last vector reach beyond the row.
      sorted: arena.allocate(angles * this.#pitch + width + lanes),
      medians: arena.allocate(this.#pitch),
      kept: arena.allocate(lanes * ((width >> 1) + 2)),
    };
    this.#floats = arena.values;
    this.#origins = new Int32Array(arena.values.buffer);
    this.#order = new Uint32Array(angles * columns);
  }

  /** One slice: `lines` and `cleaned` are angles x columns. */
  clean(lines: Float32Array, cleaned: Float32Array): void {
    for (let column = 0; column < this.#shape.columns; column += lanes) this.#sort(lines, column);
    for (let rank = 0; rank < this.#shape.angles; rank++) this.#restore(rank, cleaned);
  }

  /** Sorts some columns, and puts them where rows of a rank lie together. */
  #sort(lines: Float32Array, first: number): void {
    const { angles, columns } = this.#shape;
    const { values, origins, sorted } = this.#regions;
    const count = Math.min(lanes, columns - first);
    this.#floats.fill(Number.POSITIVE_INFINITY, values.at, values.at + values.length);
    for (let rank = 0; rank < this.#ranks; rank++) {
      for (let lane = 0; lane < lanes; lane++) this.#origins[origins.at + rank * lanes + lane] = rank;
      if (rank >= angles) continue;
      const from = rank * columns + first;
      for (let lane = 0; lane < count; lane++)
        this.#floats[values.at + rank * lanes + lane] = lines[from + lane] as number;
    }
    this.#kernel.sortColumns(values.pointer, origins.pointer, this.#ranks);
    for (let rank = 0; rank < angles; rank++) {
      for (let lane = 0; lane < count; lane++) {
        const at = rank * lanes + lane;
        this.#floats[sorted.at + rank * this.#pitch + first + lane] = this.#floats[values.at + at] as number;
        this.#order[rank * columns + first + lane] = this.#origins[origins.at + at] as number;
      }
    }
  }

  /** The medians of a rank, put back where their values were. */
  #restore(rank: number, cleaned: Float32Array): void {
    const { columns, width } = this.#shape;
    const { sorted, medians, kept } = this.#regions;
    const half = (width - 1) / 2;
    const whole = Math.max(0, columns - 2 * half);
    const row = sorted.at + rank * this.#pitch;
    if (whole > 0) this.#kernel.medians(4 * row, width, whole, medians.pointer, kept.pointer);
    const values = this.#floats.subarray(row, row + columns);
    for (let column = 0; column < columns; column++) {
      const at = column - half;
      const median = at >= 0 && at < whole ? this.#floats[medians.at + at] : medianAt(values, column, half);
      cleaned[(this.#order[rank * columns + column] as number) * columns + column] = median as number;
    }
  }
}
