/** The instance's side of large bodies that travel as files in the node's memory: payloads to read, results to leave. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { checksumOf } from '#claims';
import {
  bodyFileBytesMin,
  frameBytesMax,
  leftFileName,
  type ResultFileHeader,
  readBody,
  readGrowing,
  resultFileName,
} from '#frames';

/** Results that the agent has not read yet lie in so many files; the socket takes what is over. */
const filesMax = 2;
/** Those left for good have higher numbers, each its own, and together so many bytes until the agent has taken them. */
const leftBytesMax = 32 * 2 ** 20;

/** The agent writes over this many files; one that it has given up costs nothing but its descriptor. */
const payloadFilesMax = 2;

/** Reads payloads out of the agent's files, which stay open: a look at the permissions each time would cost a tenth. */
export class PayloadFiles {
  /** By path, the one used longest ago first. */
  readonly #opened = new Map<string, number>();

  /** The payload at the start of the file, which may be being written under a mark. The handler may keep it: the memory is its own. */
  read(path: string, length: number, mark?: number): Uint8Array {
    const file = this.#opened.get(path) ?? openSync(path, 'r');
    this.#opened.delete(path);
    this.#opened.set(path, file);
    for (const [oldest, descriptor] of this.#opened) {
      if (this.#opened.size <= payloadFilesMax) break;
      this.#opened.delete(oldest);
      closeSync(descriptor);
    }
    return mark === undefined ? readBody(file, length) : readGrowing(file, length, mark);
  }
}

export class ResultFiles {
  readonly #folder: string;
  readonly #claimOver: number;
  /** Open files by number; those in `#free` may be written. */
  readonly #opened: number[] = [];
  readonly #free: number[] = [];
  #nextLeft = filesMax;
  /** Bytes of those that the agent has not taken yet, by number. */
  readonly #left = new Map<number, number>();
  #leftBytes = 0;

  /** Without a folder everything goes through the socket. */
  constructor(folder: string, claimOver = Number.POSITIVE_INFINITY) {
    this.#folder = folder;
    this.#claimOver = claimOver;
  }

  /**
   * Leaves a result that will be a claimed payload in a file that the agent takes over as it is: the bytes are not copied again.
   * Undefined where it is none, or many have not been taken yet.
   */
  leave(data: Uint8Array): ResultFileHeader | undefined {
    const { length } = data;
    if (this.#folder === '' || length <= this.#claimOver || length < bodyFileBytesMin) return undefined;
    if (length > frameBytesMax || this.#leftBytes + length > leftBytesMax) return undefined;
    const file = this.#nextLeft++;
    const path = join(this.#folder, leftFileName(file));
    try {
      writeWhole(path, data);
    } catch {
      rmSync(path, { force: true });
      return undefined;
    }
    this.#left.set(file, length);
    this.#leftBytes += length;
    return { file, length, checksum: checksumOf(data) };
  }

  /** Leaves the result in a file; undefined where the socket has to take it. */
  put(data: Uint8Array): ResultFileHeader | undefined {
    // Over the frame's limit the socket's own error says so, whichever way it would have gone.
    if (this.#folder === '' || data.length < bodyFileBytesMin || data.length > frameBytesMax) return undefined;
    const file = this.#free.pop() ?? this.#create();
    if (file === undefined) return undefined;
    try {
      const opened = this.#opened[file] ?? -1;
      for (let at = 0; at < data.length; ) at += writeSync(opened, data, at, data.length - at, at);
      return { file, length: data.length };
    } catch {
      this.taken(file);
      return undefined;
    }
  }

  /** The agent has read it, or taken it over. */
  taken(file: number): void {
    if (file < filesMax) return void this.#free.push(file);
    this.#leftBytes -= this.#left.get(file) ?? 0;
    this.#left.delete(file);
  }

  #create(): number | undefined {
    const file = this.#opened.length;
    if (file === filesMax) return undefined;
    try {
      this.#opened.push(openSync(join(this.#folder, resultFileName(file)), 'w', 0o600));
      return file;
    } catch {
      return undefined;
    }
  }
}

function writeWhole(path: string, data: Uint8Array): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let at = 0; at < data.length; ) at += writeSync(file, data, at, data.length - at, at);
  } finally {
    closeSync(file);
  }
}
