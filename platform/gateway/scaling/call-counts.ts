/** Calls go through no stream: the gateway counts them itself, as they come and as they end. */

interface Counts {
  came: number;
  open: number;
}

export class CallCounts {
  readonly #byFunction = new Map<string, Counts>();

  /** Counts a call until the returned function is called. */
  begin(name: string): () => void {
    const counts = this.of(name);
    this.#byFunction.set(name, counts);
    counts.came++;
    counts.open++;
    return () => {
      counts.open--;
    };
  }

  of(name: string): Counts {
    return this.#byFunction.get(name) ?? { came: 0, open: 0 };
  }

  forget(name: string): void {
    this.#byFunction.delete(name);
  }

  names(): Iterable<string> {
    return this.#byFunction.keys();
  }
}
