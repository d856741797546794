/** The instance's side of large bodies that travel as files in the node's memory: payloads to read, results to leave. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { bodyFileBytesMin, frameBytesMax, type ResultFileHeader, readBody, readGrowing, resultFileName } from '#frames';

/** Results that the agent has not read yet lie in so many files; the socket takes what is over. */
const filesMax = 2;

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
  /** Open files by number; those in `#free` may be written. */
  readonly #opened: number[] = [];
  readonly #free: number[] = [];

  /** Without a folder everything goes through the socket. */
  constructor(folder: string) {
    this.#folder = folder;
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

  /** The agent has read it. */
  taken(file: number): void {
    this.#free.push(file);
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
