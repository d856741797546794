// The memory of a kernel: laid out once by the caller, so that kernels allocate nothing and views stay valid.

/** Room for some f32 values: its address for the kernel, its place in `Arena.values` for us. */
export interface Region {
  readonly pointer: number;
  /** Index of its first value in `Arena.values`. */
  readonly at: number;
  readonly length: number;
}

/** What the types of Node leave out. */
export interface KernelMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const pageBytes = 65_536;
/** Addresses are 32 bits. */
export const arenaBytesMax = 2 ** 32 - pageBytes;
const alignment = 64;

/** Whether so many bytes fit into a kernel's memory; what does not is left to the plain TypeScript version. */
export function fitsArena(bytes: number): boolean {
  return bytes <= arenaBytesMax;
}

export class Arena {
  readonly #memory: KernelMemory;
  #end: number;
  #values: Float32Array<ArrayBuffer>;

  /** `start` is the first address that the module leaves free. */
  constructor(memory: KernelMemory, start: number) {
    this.#memory = memory;
    this.#end = start;
    this.#values = new Float32Array(memory.buffer);
  }

  /** All of the memory. Read it again after an allocation: the memory may have grown. */
  get values(): Float32Array<ArrayBuffer> {
    return this.#values;
  }

  /** Room that is zero. Throws `RangeError` when the machine has no memory left. */
  allocate(length: number): Region {
    const pointer = this.#end;
    this.#end += Math.ceil((4 * length) / alignment) * alignment;
    const missing = this.#end - this.#memory.buffer.byteLength;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
      this.#values = new Float32Array(this.#memory.buffer);
    }
    return { pointer, at: pointer / 4, length };
  }

  /** Copies values into new room. */
  place(values: ArrayLike<number>): Region {
    const region = this.allocate(values.length);
    this.#values.set(values, region.at);
    return region;
  }
}
