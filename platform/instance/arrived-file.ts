/** A file that a trigger saw arrive, as its function reads it: the file that was seen, and no link in its place. */
import { constants, promises } from 'node:fs';
import type { ArrivedFile } from '#sdk';

/** What the event's payload says. */
interface FileReference {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

export class HostFile implements ArrivedFile {
  readonly #reference: FileReference;

  constructor(payload: string) {
    this.#reference = JSON.parse(payload) as FileReference;
  }

  get path(): string {
    return this.#reference.path;
  }
  get name(): string {
    return this.#reference.name;
  }
  get bytes(): number {
    return this.#reference.bytes;
  }
  get modified(): Date {
    return new Date(this.#reference.modifiedMs);
  }

  async read(offset = 0, length = this.bytes - offset): Promise<Uint8Array> {
    const { path, bytes, inode } = this.#reference;
    const file = await promises.open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const now = await file.stat();
      if (now.size !== bytes || now.ino !== inode)
        throw new Error(`${path} is not the file any more that arrived: it had ${bytes} bytes and has ${now.size}`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, length)), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
