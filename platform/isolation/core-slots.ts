/** Gives each instance processors of its own, as many as it has slots, and takes them back. Pure. */

export class CoreSlots {
  readonly #free: Set<number>;

  constructor(cores: readonly number[]) {
    this.#free = new Set(cores);
  }

  /** Undefined where fewer are free: the instance then runs wherever there is time. */
  take(count: number): readonly number[] | undefined {
    if (this.#free.size < count) return undefined;
    const taken = [...this.#free].slice(0, count);
    for (const core of taken) this.#free.delete(core);
    return taken;
  }

  give(cores: readonly number[]): void {
    for (const core of cores) this.#free.add(core);
  }
}
