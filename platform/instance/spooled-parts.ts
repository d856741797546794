/** A gathered event's parts, read one by one from the spool file that the agent has filled. */
import { promises } from 'node:fs';
import type { GatheredPart, SpoolHeader } from '#frames';
import type { Part, Parts } from '#sdk';
import { openClaimed } from './claimed-payload.ts';

export class SpooledParts implements Parts {
  readonly key: string;
  readonly count: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly missing: Readonly<Record<string, readonly number[]>>;
  readonly reason: Parts['reason'];
  readonly window?: { readonly start: Date; readonly end: Date };
  readonly #spool: SpoolHeader;

  constructor(spool: SpoolHeader) {
    this.#spool = spool;
    this.key = spool.key;
    this.counts = spool.counts;
    this.count = Object.values(spool.counts).reduce((sum, count) => sum + count, 0);
    this.missing = spool.missing;
    if (spool.span) this.window = { start: new Date(spool.span[0]), end: new Date(spool.span[1]) };
    this.reason = spool.reason as Parts['reason'];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Part, void, void> {
    const file = await promises.open(this.#spool.path, 'r');
    try {
      const index = Buffer.alloc(this.#spool.indexBytes);
      await file.read(index, 0, index.length, 0);
      for (const part of JSON.parse(index.toString('utf8')) as GatheredPart[]) {
        const data = part.claim ? await openClaimed(part.claim) : Buffer.alloc(part.length);
        if (!part.claim && part.length > 0) await file.read(data, 0, part.length, part.offset);
        yield { kind: part.kind, index: part.index, headers: part.headers, data };
      }
    } finally {
      await file.close();
    }
  }
}
