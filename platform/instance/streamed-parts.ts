/** The parts of a key that is open, as they come from the agent (G13): each is given once, then let go. */
import type { PartHeader, PartsEndHeader } from '#frames';
import type { Part, Parts } from '#sdk';
import { openClaimed } from './claimed-payload.ts';

export interface StreamedPartsLink {
  /** The payload in the agent's file. */
  readonly readFile: (path: string, length: number) => Uint8Array;
  /** The handler has taken the oldest part. */
  readonly taken: () => void;
}

interface Waiting {
  readonly header: PartHeader;
  readonly body: Uint8Array;
}

export class StreamedParts implements Parts {
  readonly #link: StreamedPartsLink;
  readonly #keyOf: () => string;
  readonly #waiting: Waiting[] = [];
  readonly #given: Record<string, number> = {};
  #end: PartsEndHeader | undefined;
  #wake: (() => void) | undefined;
  #begun = false;

  constructor(keyOf: () => string, link: StreamedPartsLink) {
    this.#keyOf = keyOf;
    this.#link = link;
  }

  get key(): string {
    return this.#keyOf();
  }
  get counts(): Readonly<Record<string, number>> {
    return this.#isOver ? (this.#end?.counts ?? {}) : this.#given;
  }
  get count(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
  get missing(): Readonly<Record<string, readonly number[]>> {
    return this.#isOver ? (this.#end?.missing ?? {}) : {};
  }
  get reason(): Parts['reason'] {
    return this.#isOver ? (this.#end?.reason as Parts['reason']) : 'open';
  }

  receive(header: PartHeader, body: Uint8Array): void {
    this.#waiting.push({ header, body });
    this.#wake?.();
  }

  /** Nothing more comes; with an error, nothing more is given either. */
  end(header: PartsEndHeader): void {
    this.#end ??= header;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Part, void, void> {
    if (this.#begun) throw new TypeError('the parts of a streaming gather are given once: keep what you need of them');
    this.#begun = true;
    for (;;) {
      if (this.#end?.error !== undefined) throw new Error(this.#end.error);
      const next = this.#waiting.shift();
      if (next) yield await this.#open(next);
      else if (this.#end) return;
      else await this.#more();
    }
  }

  /** Its counts and its reason are the gatherer's once all parts have been given. */
  get #isOver(): boolean {
    return this.#end !== undefined && this.#waiting.length === 0;
  }

  async #open({ header, body }: Waiting): Promise<Part> {
    const { kind, index, headers, f, n = 0, c } = header;
    let data = f === undefined ? body : this.#link.readFile(f, n);
    if (c) data = await openClaimed(c);
    this.#given[kind] = (this.#given[kind] ?? 0) + 1;
    this.#link.taken();
    return { kind, index, headers, data };
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}
