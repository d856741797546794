/** How long the last calls took: a ring, sorted only when somebody asks. */

/** Enough for a p99 that is not the slowest call alone; an old burst is forgotten soon. */
const timesMax = 256;

export class RecentTimes {
  readonly #ring = new Float64Array(timesMax);
  #count = 0;
  #known: number | undefined;

  add(ms: number): void {
    this.#ring[this.#count++ % timesMax] = ms;
    this.#known = undefined;
  }

  /** All there have been. */
  get count(): number {
    return this.#count;
  }

  /** 0 where there were no calls. */
  p99(): number {
    this.#known ??= this.#compute();
    return this.#known;
  }

  #compute(): number {
    const times = this.#ring.slice(0, Math.min(this.#count, timesMax)).sort();
    return times[Math.ceil(times.length * 0.99) - 1] ?? 0;
  }
}
