/** What this node's folder of claims is asked for by others: its files, and their release. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { claimTtlMs } from '#broker';
import { type ClaimFolder, missing } from '#claims';
import type { Clock } from '#common';
import { PlatformError } from '#common';
import type { ReadClaimResponse, ReleaseClaimsRequest } from '#proto';

/** Pieces of a file on their way to another node. */
const pieceBytes = 512 * 2 ** 10;
const sweepEveryMs = 60_000;

export class ClaimService {
  readonly #folder: ClaimFolder | undefined;
  readonly #timer: NodeJS.Timeout;

  /** Sweeps what its time to live is over for. */
  constructor(folder: ClaimFolder | undefined, clock: Clock) {
    this.#folder = folder;
    this.#timer = setInterval(() => {
      // A folder that cannot be read now is looked at again a minute later.
      folder?.sweep(claimTtlMs, clock.now()).catch(() => undefined);
    }, sweepEveryMs);
  }

  async *read(name: string): AsyncGenerator<ReadClaimResponse, void, void> {
    const path = this.#own().pathOf(name);
    await stat(path).catch((error: unknown) => {
      throw missing(name, error);
    });
    for await (const chunk of createReadStream(path, { highWaterMark: pieceBytes })) yield { chunk: chunk as Buffer };
  }

  async release({ names }: ReleaseClaimsRequest): Promise<void> {
    const folder = this.#own();
    await Promise.all(names.map((name) => folder.remove(name)));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #own(): ClaimFolder {
    if (this.#folder) return this.#folder;
    throw new PlatformError('not-found', 'this node has no folder of claims');
  }
}
