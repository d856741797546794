/** How long the last calls took: a ring, sorted only when somebody asks. */

/** Enough for a p99 that is not the slowest call alone; an old burst is forgotten soon. */
const timesMax = 256;

export class RecentTimes {
  readonly #ring = new Float64Array(timesMax);
  #count = 0;
  /** In order, until the next one is added. */
  #sorted: Float64Array | undefined;

  add(ms: number): void {
    this.#ring[this.#count++ % timesMax] = ms;
    this.#sorted = undefined;
  }

  /** All there have been. */
  get count(): number {
    return this.#count;
  }

  /** 0 where there were no calls. */
  p99(): number {
    return this.#share(0.99);
  }

  p50(): number {
    return this.#share(0.5);
  }

  #share(share: number): number {
    this.#sorted ??= this.#ring.slice(0, Math.min(this.#count, timesMax)).sort();
    return this.#sorted[Math.ceil(this.#sorted.length * share) - 1] ?? 0;
  }
}
