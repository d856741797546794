/** The parts that a gather trigger collected for one key, or the events of one window. */

/**
 * Reads the parts in order of kind (alphabetical) and index, each once; bounded in memory, so iterate and let go. Those of a
 * streaming gather come in the order in which they are stored, one time: the iteration waits for the next one, and ends when
 * the key is closed. Until then `counts` tells what was given, and nothing is missing.
 */
export interface Parts extends AsyncIterable<Part> {
  /** The key's tokens joined by dots: "scan7" or "scan7.3"; "all" for windows without a key. */
  readonly key: string;
  /** Distinct parts, of all kinds together. */
  readonly count: number;
  /** Distinct parts by kind: { dark: 10, projection: 180 }. */
  readonly counts: Readonly<Record<string, number>>;
  /** Indexes that were expected and did not come, by kind; empty when complete. */
  readonly missing: Readonly<Record<string, readonly number[]>>;
  /** Of a window of time. */
  readonly window?: { readonly start: Date; readonly end: Date };
  /** Why the key was closed; `open` while it is not. */
  readonly reason: 'complete' | 'gap' | 'timeout' | 'storage' | 'open';
}

export interface Part {
  /** "event" in a window. */
  readonly kind: string;
  /** In a window: its place, in the order of storing. */
  readonly index: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}
