/**
 * Large payloads between agent and instance by way of files in the node's memory, where a socket would copy them twice
 * and in pieces. A file is written again and again: fresh pages cost several times what the copy costs.
 * Only where the run directory is in memory; on a disk the socket is faster.
 */
import { closeSync, constants, fstatSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isChecksum } from '#claims';
import { borrowBuffer } from '#common';
import {
  bodyFileBytesMin,
  frameBytesMax,
  leftFileName,
  type ResultFileHeader,
  readInto,
  resultFileName,
  writeGrowing,
} from '#frames';
import type { LeftResult } from '../call.ts';

/** f_type of tmpfs (Linux, magic.h). */
const tmpfsType = 0x0102_1994;

/** Files kept for the next payloads; an instance that works on one call at a time needs one, and one ahead of it. */
const keptFilesMax = 2;

/** A u32; a file that is used again carries another mark than before. */
const marksMax = 0xffff_ffff;

/** Numbers of files are a u32 in frames. */
const filesMax = 0xffff_ffff;

export interface BodyFile {
  readonly path: string;
  readonly file: number;
  /** Bytes that it has pages for. */
  bytes: number;
}

/** A body that lies in its file, or is about to be written into it under a mark. */
export interface PutBody {
  readonly used: BodyFile;
  readonly mark: number | undefined;
}

export class BodyFiles {
  readonly #scratch: string;
  readonly #kept: BodyFile[] = [];
  #next = 1;
  #mark = 0;

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
      used.bytes = Math.max(used.bytes, body.length);
      return used;
    } catch {
      if (used) this.#remove(used);
      return undefined;
    }
  }

  /**
   * For an instance that waits for this body: where a kept file has room, it is told of first, and written (`grow`) while the
   * instance reads. Else as `put`.
   */
  begin(body: Uint8Array): PutBody | undefined {
    const kept = this.#kept.at(-1);
    if (body.length < bodyFileBytesMin || kept === undefined || kept.bytes < body.length) {
      const used = this.put(body);
      return used && { used, mark: undefined };
    }
    this.#kept.pop();
    this.#mark = (this.#mark % marksMax) + 1;
    return { used: kept, mark: this.#mark };
  }

  /** Writes what `begin` has only given a place. Throws where the node has lost the memory that the file had. */
  grow({ used, mark }: PutBody, body: Uint8Array): void {
    if (mark !== undefined) writeGrowing(used.file, body, mark);
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

  /** A result that an instance has left for good, where it lies; `done` is told once. Throws for what no file can be. */
  left({ file, length }: ResultFileHeader, checksum: string, done: () => void): LeftResult {
    checkLength(length);
    // An instance can write whatever it likes into its frames: the number goes back in one, the checksum into a header.
    if (!Number.isInteger(file) || file < 0 || file > filesMax) throw new Error(`it names no file: ${file}`);
    if (!isChecksum(checksum)) throw new Error('it has no checksum');
    const path = join(this.#scratch, leftFileName(file));
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      rmSync(path, { force: true, recursive: true });
      done();
    };
    return { path, bytes: length, checksum, release };
  }

  /** The result that an instance has left in its scratch directory. Throws for whatever is not such a file. */
  take({ file, length, checksum }: ResultFileHeader): Buffer {
    checkLength(length);
    const path = join(this.#scratch, checksum === undefined ? resultFileName(file) : leftFileName(file));
    // A link could name any file that the agent can read and the instance cannot; opening a pipe could wait for ever.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const opened = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { size } = fstatSync(opened);
      if (size < length) throw new Error(`its file has ${size} bytes of ${length}`);
      return readInto(borrowBuffer(length), opened);
    } finally {
      closeSync(opened);
      if (checksum !== undefined) rmSync(path, { force: true });
    }
  }

  #create(): BodyFile {
    const path = join(this.#scratch, `body-${this.#next++}`);
    return { path, file: openSync(path, 'wx', 0o600), bytes: 0 };
  }

  #remove({ path, file }: BodyFile): void {
    closeSync(file);
    rmSync(path, { force: true });
  }
}

function checkLength(length: number): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > frameBytesMax)
    throw new Error(`it claims ${length} bytes`);
}
