/**
 * Large payloads between agent and instance by way of files in the node's memory: 2 MiB through a socket cost both sides
 * three times what the file costs them. Only where the run directory is in memory; on a disk the socket is faster.
 */
import { closeSync, constants, openSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bodyFileBytesMin } from '#frames';

/** f_type of tmpfs (Linux, magic.h). */
const tmpfsType = 0x0102_1994;

export class BodyFiles {
  readonly #directory: string;
  readonly #scratch: string;
  readonly #prefix: string;
  #next = 1;

  /** `directory`: what instances may read; `scratch`: where this instance may write. */
  constructor(directory: string, scratch: string, instance: string) {
    this.#directory = directory;
    this.#scratch = scratch;
    this.#prefix = `body-${instance}`;
  }

  static isPossibleIn(directory: string): boolean {
    return statfsSync(directory).type === tmpfsType;
  }

  /** Path of a file with the payload; undefined where it is small, or the memory is full: then the socket takes it. */
  put(body: Uint8Array): string | undefined {
    if (body.length < bodyFileBytesMin) return undefined;
    const path = join(this.#directory, `${this.#prefix}-${this.#next++}`);
    try {
      writeFileSync(path, body, { mode: 0o600, flag: 'wx' });
      return path;
    } catch {
      this.remove(path);
      return undefined;
    }
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }

  /** The result that an instance has left in its scratch directory, which is then gone. Never anything outside of it. */
  take(name: string): Buffer {
    const path = join(this.#scratch, basename(name));
    // A link could name any file that the agent can read, and the instance cannot.
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return readFileSync(file);
    } finally {
      closeSync(file);
      this.remove(path);
    }
  }
}
