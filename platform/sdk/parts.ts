/** The parts that a gather trigger collected for one key. */

/** Reads the parts in order of kind (alphabetical) and index, each once; bounded in memory, so iterate and let go. */
export interface Parts extends AsyncIterable<Part> {
  /** The key's tokens joined by dots: "scan7" or "scan7.3". */
  readonly key: string;
  /** Distinct parts, of all kinds together. */
  readonly count: number;
  /** Distinct parts by kind: { dark: 10, projection: 180 }. */
  readonly counts: Readonly<Record<string, number>>;
  /** Indexes that were expected and did not come, by kind; empty when complete. */
  readonly missing: Readonly<Record<string, readonly number[]>>;
  /** Why the key was closed. */
  readonly reason: 'complete' | 'gap' | 'timeout' | 'storage';
}

export interface Part {
  readonly kind: string;
  readonly index: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}
