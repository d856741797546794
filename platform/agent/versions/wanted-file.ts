/** The last wanted set, on the node's disk: an agent that was killed goes on at once, also while the gateway is away. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { ApplyRequest } from '#proto';

export class WantedFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when there is none, or when it cannot be read: the gateway states it anew. */
  read(): ApplyRequest | undefined {
    try {
      return ApplyRequest.decode(readFileSync(this.#path));
    } catch {
      // A first start, or a file cut short by a full disk.
      return undefined;
    }
  }

  write(request: ApplyRequest): void {
    const partial = `${this.#path}.partial`;
    writeFileSync(partial, ApplyRequest.encode(request).finish(), { mode: 0o600 });
    renameSync(partial, this.#path);
  }
}
