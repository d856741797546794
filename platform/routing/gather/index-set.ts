/** A set of small indexes as a bitmap that grows with the largest one: 8 KiB for 65,536 indexes. */

export class IndexSet {
  #words = new Uint32Array(8);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False when it was there already. */
  add(index: number): boolean {
    const word = index >>> 5;
    if (word >= this.#words.length) this.#grow(word);
    const bit = 1 << (index & 31);
    const before = this.#words[word] ?? 0;
    if ((before & bit) !== 0) return false;
    this.#words[word] = before | bit;
    this.#size++;
    return true;
  }

  has(index: number): boolean {
    return ((this.#words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  /** Ranges [first, last] of indexes below `count` that are not in the set, at most `rangesMax` of them. */
  missingBelow(count: number, rangesMax: number): [number, number][] {
    const ranges: [number, number][] = [];
    for (let index = 0; index < count && ranges.length < rangesMax; index++) {
      if (this.has(index)) continue;
      const first = index;
      while (index + 1 < count && !this.has(index + 1)) index++;
      ranges.push([first, index]);
    }
    return ranges;
  }

  #grow(word: number): void {
    const words = new Uint32Array(Math.max(word + 1, this.#words.length * 2));
    words.set(this.#words);
    this.#words = words;
  }
}
