// The sums of a batch in one call: with sums.as.ts where it is given, else in plain TypeScript. Memory: model and sums as they are, and 512 KiB of points.
import { Arena, type KernelMemory, type Region } from '../wasm/arena.ts';
import { type BatchSums, type KMeansModel, sumBatchPlain } from './streaming-kmeans.ts';

interface SumsExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly addPoints: (...args: number[]) => number;
}

/** Coordinates that are copied into the kernel's memory together. */
const valuesTogether = 65_536;

/** Assigns points (n x dimensions) to their nearest centres; of equally near ones the first. */
export function sumBatch(
  model: KMeansModel,
  points: Float32Array | Float64Array,
  kernel?: WebAssembly.Module,
): BatchSums {
  return kernel ? new BatchKernel(kernel, model).sum(points) : sumBatchPlain(model, points);
}

class BatchKernel {
  readonly #kernel: SumsExports;
  readonly #dimensions: number;
  readonly #pairs: number;
  readonly #regions: Readonly<Record<'centres' | 'sums' | 'counts' | 'points', Region>>;

  constructor(module: WebAssembly.Module, { centres, dimensions }: KMeansModel) {
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.#kernel = instance.exports as unknown as SumsExports;
    this.#dimensions = dimensions;
    const k = centres.length / dimensions;
    this.#pairs = Math.ceil(k / 2);
    const arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    const doubles = (count: number): Region => arena.allocate(2 * count);
    this.#regions = {
      centres: doubles(2 * this.#pairs * dimensions),
      sums: doubles(k * dimensions),
      counts: doubles(k),
      points: doubles(Math.max(valuesTogether, dimensions)),
    };
    const paired = this.#view('centres').fill(Number.POSITIVE_INFINITY);
    for (let centre = 0; centre < k; centre++) {
      for (let axis = 0; axis < dimensions; axis++) {
        paired[axis * 2 * this.#pairs + centre] = centres[centre * dimensions + axis] as number;
      }
    }
  }

  sum(points: Float32Array | Float64Array): BatchSums {
    const { centres, sums, counts, points: room } = this.#regions;
    const dimensions = this.#dimensions;
    const together = Math.max(1, Math.floor(valuesTogether / dimensions));
    const count = Math.floor(points.length / dimensions);
    let cost = 0;
    for (let first = 0; first < count; first += together) {
      const some = Math.min(together, count - first);
      this.#view('points').set(points.subarray(first * dimensions, (first + some) * dimensions));
      cost += this.#kernel.addPoints(
        ...[room.pointer, some, dimensions, centres.pointer, this.#pairs, sums.pointer, counts.pointer],
      );
    }
    return { sums: this.#view('sums').slice(), counts: this.#view('counts').slice(), cost };
  }

  #view(name: 'centres' | 'sums' | 'counts' | 'points'): Float64Array<ArrayBuffer> {
    const { pointer, length } = this.#regions[name];
    return new Float64Array(this.#kernel.memory.buffer, pointer, length / 2);
  }
}
