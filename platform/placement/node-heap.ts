/** The best node at hand, again and again, while each choice changes one node's rank: a binary heap over indexes. */

export class NodeHeap {
  readonly #items: number[];
  readonly #isBefore: (a: number, b: number) => boolean;

  constructor(items: readonly number[], isBefore: (a: number, b: number) => boolean) {
    this.#items = [...items];
    this.#isBefore = isBefore;
    for (let at = (items.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get first(): number | undefined {
    return this.#items[0];
  }

  /** The first one has become worse. */
  firstChanged(): void {
    this.#sink(0);
  }

  removeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const item = items[at] ?? 0;
      let best = at;
      if (left < items.length && this.#isBefore(items[left] ?? 0, item)) best = left;
      if (right < items.length && this.#isBefore(items[right] ?? 0, items[best] ?? 0)) best = right;
      if (best === at) return;
      items[at] = items[best] ?? 0;
      items[best] = item;
      at = best;
    }
  }
}
