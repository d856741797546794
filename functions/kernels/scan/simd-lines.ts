// Flat field and minus log with flat-field.as.ts. Memory: dark, flat, frame and lines, 16 bytes a pixel: 2048 x 2048 pixels take 64 MiB.
import { Arena, type KernelMemory, type Region } from '../wasm/arena.ts';
import { type Counts, type FlatField, frameLengthOf } from './flat-field.ts';

interface FlatFieldExports {
  readonly memory: KernelMemory;
  readonly memoryStart: () => number;
  readonly makeLines: (...args: number[]) => void;
}

/** The same field, whose frames `writeProjection` takes through the kernel. One scan at a time: the lines lie in its memory. */
export function withLineKernel(field: FlatField, module: WebAssembly.Module): FlatField {
  const kernel = new LineKernel(module, field);
  return { ...field, lines: (frame) => kernel.lines(frame) };
}

class LineKernel {
  readonly #kernel: FlatFieldExports;
  readonly #pixels: number;
  readonly #regions: Readonly<Record<'dark' | 'flat' | 'frame' | 'lines', Region>>;

  constructor(module: WebAssembly.Module, field: FlatField) {
    const instance = new WebAssembly.Instance(module, { env: { abort: () => undefined } });
    this.#kernel = instance.exports as unknown as FlatFieldExports;
    this.#pixels = frameLengthOf(field);
    const arena = new Arena(this.#kernel.memory, this.#kernel.memoryStart());
    const [dark, flat] = [arena.place(field.dark), arena.place(field.flat)];
    this.#regions = { dark, flat, frame: arena.allocate(this.#pixels), lines: arena.allocate(this.#pixels) };
  }

  /** Valid until the next call. */
  lines(frame: Counts): Float32Array {
    const { dark, flat, frame: room, lines } = this.#regions;
    const { buffer } = this.#kernel.memory;
    const isWide = frame instanceof Float32Array;
    const View = isWide ? Float32Array : Uint16Array;
    new View(buffer, room.pointer, this.#pixels).set(frame);
    const places = [room.pointer, isWide ? 1 : 0, dark.pointer, flat.pointer, lines.pointer];
    this.#kernel.makeLines(...places, this.#pixels);
    return new Float32Array(buffer, lines.pointer, this.#pixels);
  }
}
