/** Artifacts on the node's disk, by digest: fetched once, verified at every use of a file not written by this process. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ArtifactStore, sha256 } from '#broker';
import type { FunctionVersion } from '#proto';

export class ArtifactCache {
  readonly #directory: string;
  readonly #store: ArtifactStore;
  /** Downloads under way and done: two instances that start together share one. */
  readonly #paths = new Map<string, Promise<string>>();

  constructor(directory: string, store: ArtifactStore) {
    this.#directory = directory;
    this.#store = store;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Path of the verified file. Throws `not-found` or `corrupt`. */
  path(digest: string): Promise<string> {
    let path = this.#paths.get(digest);
    if (!path) {
      path = this.#fetch(digest);
      this.#paths.set(digest, path);
      // A failure must not stick: the next instance tries again.
      path.catch(() => this.#paths.delete(digest));
    }
    return path;
  }

  /** Where a verified file lies, or will lie. */
  pathOf(digest: string): string {
    return join(this.#directory, digest);
  }

  /** Fetches all that an instance of this version needs. Throws `not-found` or `corrupt`. */
  async fetchVersion({ artifactDigest, files }: FunctionVersion): Promise<void> {
    await Promise.all([this.path(artifactDigest), ...files.map(({ digest }) => this.path(digest))]);
  }

  async read(digest: string): Promise<Buffer> {
    return readFileSync(await this.path(digest));
  }

  async #fetch(digest: string): Promise<string> {
    const path = this.pathOf(digest);
    if (isIntact(path, digest)) return path;
    const bytes = await this.#store.get(digest);
    const partial = `${path}.${process.pid}.partial`;
    rmSync(partial, { force: true });
    writeFileSync(partial, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(partial, path);
    return path;
  }
}

function isIntact(path: string, digest: string): boolean {
  try {
    return sha256(readFileSync(path)) === digest;
  } catch {
    // Not there yet: it is fetched.
    return false;
  }
}
