/**
 * Large payloads between agent and instance by way of files in the node's memory, where a socket would copy them twice
 * and in pieces. A file is written again and again: fresh pages cost several times what the copy costs.
 * Only where the run directory is in memory; on a disk the socket is faster.
 */
import { closeSync, constants, fstatSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { bodyFileBytesMin, frameBytesMax, type ResultFileHeader, readBody, resultFileName } from '#frames';

/** f_type of tmpfs (Linux, magic.h). */
const tmpfsType = 0x0102_1994;

/** Files kept for the next payloads; an instance that works on one call at a time needs one, and one ahead of it. */
const keptFilesMax = 2;

export interface BodyFile {
  readonly path: string;
  readonly file: number;
}

export class BodyFiles {
  readonly #scratch: string;
  readonly #kept: BodyFile[] = [];
  #next = 1;

  /** `scratch`: the instance's own directory, which no other instance may read. */
  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  static isPossibleIn(directory: string): boolean {
    return statfsSync(directory).type === tmpfsType;
  }

  /** A file that begins with the payload; undefined where it is small, or the memory is full: then the socket takes it. */
  put(body: Uint8Array): BodyFile | undefined {
    if (body.length < bodyFileBytesMin) return undefined;
    let used: BodyFile | undefined;
    try {
      used = this.#kept.pop() ?? this.#create();
      for (let at = 0; at < body.length; ) at += writeSync(used.file, body, at, body.length - at, at);
      return used;
    } catch {
      if (used) this.#remove(used);
      return undefined;
    }
  }

  /** Its call has ended: the next payload may have the file. */
  release(used: BodyFile): void {
    if (this.#kept.length < keptFilesMax) this.#kept.push(used);
    else this.#remove(used);
  }

  /** Its instance has ended. */
  close(): void {
    for (const kept of this.#kept.splice(0)) this.#remove(kept);
  }

  /** The result that an instance has left in its scratch directory. Throws for whatever is not such a file. */
  take({ file, length }: ResultFileHeader): Buffer {
    if (!Number.isSafeInteger(length) || length < 0 || length > frameBytesMax)
      throw new Error(`it claims ${length} bytes`);
    // A link could name any file that the agent can read and the instance cannot; opening a pipe could wait for ever.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const opened = openSync(join(this.#scratch, resultFileName(file)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { size } = fstatSync(opened);
      if (size < length) throw new Error(`its file has ${size} bytes of ${length}`);
      return readBody(opened, length);
    } finally {
      closeSync(opened);
    }
  }

  #create(): BodyFile {
    const path = join(this.#scratch, `body-${this.#next++}`);
    return { path, file: openSync(path, 'wx', 0o600) };
  }

  #remove({ path, file }: BodyFile): void {
    closeSync(file);
    rmSync(path, { force: true });
  }
}
