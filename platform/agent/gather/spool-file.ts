/** One spool file: payloads are appended as they come, the index goes in front when all are there. */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import type { Claim } from '#claims';
import { PlatformError } from '#common';
import type { ClaimedHeader, GatheredPart } from '#frames';

/** Room in front for one part's line of the index. A hole in tmpfs costs nothing, so this is generous. */
const indexBytesPerPart = 2_048;

export class SpoolFile {
  readonly #path: string;
  readonly #parts: GatheredPart[] = [];
  readonly #claims: { readonly claim: Claim; readonly at: number }[] = [];
  readonly #indexRoom: number;
  #fd: number | undefined;
  #end: number;

  /** Throws when the file exists. Its size is its reservation from the beginning. */
  constructor(path: string, parts: number, payloadBytes: number) {
    this.#path = path;
    this.#indexRoom = Math.max(1, parts) * indexBytesPerPart;
    this.#end = this.#indexRoom;
    this.#fd = openSync(path, 'wx+', 0o600);
    ftruncateSync(this.#fd, this.#indexRoom + payloadBytes);
  }

  append(payload: Uint8Array, part: Omit<GatheredPart, 'offset' | 'length'>, claim?: Claim): void {
    if (claim) this.#claims.push({ claim, at: this.#parts.length });
    const offset = this.#end;
    let written = 0;
    while (written < payload.length)
      written += writeSync(this.#open(), payload, written, payload.length - written, offset + written);
    this.#end += payload.length;
    this.#parts.push({ ...part, offset, length: payload.length });
  }

  /** Parts whose payload lies elsewhere; each has to be told where, before the index is written. */
  claimed(): { readonly claim: Claim; readonly locate: (header: ClaimedHeader) => void }[] {
    return this.#claims.map(({ claim, at }) => ({
      claim,
      locate: (header) => {
        const part = this.#parts[at];
        if (part) this.#parts[at] = { ...part, length: header.bytes, claim: header };
      },
    }));
  }

  /** Writes the index, sorted by kind and index; returns its bytes. */
  finish(): number {
    this.#parts.sort((a, b) => (a.kind === b.kind ? a.index - b.index : a.kind < b.kind ? -1 : 1));
    const index = Buffer.from(JSON.stringify(this.#parts));
    if (index.length > this.#indexRoom) {
      throw new PlatformError(
        'payload-too-large',
        `the headers of the gathered parts take more than ${indexBytesPerPart} bytes a part`,
        {
          hint: 'Put what is large into the payload.',
        },
      );
    }
    let written = 0;
    while (written < index.length) written += writeSync(this.#open(), index, written, index.length - written, written);
    ftruncateSync(this.#open(), this.#end);
    this.#close();
    return index.length;
  }

  remove(): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #open(): number {
    if (this.#fd === undefined) throw new PlatformError('internal', 'the spool file is closed');
    return this.#fd;
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
