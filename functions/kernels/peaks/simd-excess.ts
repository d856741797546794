// What stands out of a frame, with peaks.as.ts. Memory: frame, excess and noise, 12 bytes a pixel, and a tile: 2,048 x 2,048 pixels take 48 MiB.
import type { GridShape } from '../scan/grid.ts';
import { Arena, type KernelMemory } from '../wasm/arena.ts';
import type { Excess, TileOptions } from './plain-excess.ts';

interface PeaksExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly measureTile: (...args: number[]) => void;
}

/** The kernel of the last frame, for the next one of its size: a detector's frames are alike. */
export class ExcessKernel {
  readonly #module: WebAssembly.Module;
  #last: { readonly size: string; readonly room: ReturnType<typeof layOut> } | undefined;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** Valid until the next frame. */
  measure(frame: ArrayLike<number>, { rows, columns }: GridShape, { threshold, tile }: TileOptions): Excess {
    const size = `${frame.length} ${tile}`;
    if (this.#last?.size !== size) {
      this.#last = undefined;
      this.#last = { size, room: layOut(this.#module, frame.length, tile) };
    }
    const { kernel, memory, counts, values, noise, finite, keys } = this.#last.room;
    memory.set(frame, counts.at);
    for (let top = 0; top < rows; top += tile) {
      for (let left = 0; left < columns; left += tile) {
        const at = 4 * (top * columns + left);
        const [height, width] = [Math.min(tile, rows - top), Math.min(tile, columns - left)];
        const results = [values.pointer + at, noise.pointer + at, finite.pointer, keys.pointer];
        kernel.measureTile(counts.pointer + at, 4 * columns, height, width, threshold, ...results);
      }
    }
    const part = (at: number): Float32Array => memory.subarray(at, at + frame.length);
    return { values: part(values.at), noise: part(noise.at) };
  }
}

function layOut(module: WebAssembly.Module, pixels: number, tile: number) {
  const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
  const kernel = instance.exports as unknown as PeaksExports;
  const arena = new Arena(kernel.memory, kernel.memoryStart());
  const [counts, values, noise] = [arena.allocate(pixels), arena.allocate(pixels), arena.allocate(pixels)];
  const tilePixels = Math.min(pixels, tile * tile) + 4;
  const [finite, keys] = [arena.allocate(tilePixels), arena.allocate(tilePixels)];
  return { kernel, memory: arena.values, counts, values, noise, finite, keys };
}
