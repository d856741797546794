/** The parts on their way into one instance, by call: written as frames, large ones as files that are free once taken. */
import { callStreamed, type FrameWriter, frameTypes } from '#frames';
import type { Call, OpenFeed } from '../call.ts';
import type { BodyFile, BodyFiles } from './body-files.ts';

interface Line {
  readonly feed: OpenFeed;
  /** Of each part that is not taken yet; undefined for one that went through the socket. */
  readonly files: (BodyFile | undefined)[];
}

export class PartLines {
  readonly #bodies: BodyFiles | undefined;
  /** By the id of the call's frame. */
  readonly #lines = new Map<number, Line>();

  constructor(bodies: BodyFiles | undefined) {
    this.#bodies = bodies;
  }

  /** Beside the flags of the call's frame. */
  static flagOf({ openFeed }: Call): number {
    return openFeed ? callStreamed : 0;
  }

  /** The call has been handed over. */
  open(id: number, { openFeed }: Call, writer: FrameWriter): void {
    if (!openFeed) return;
    const files: Line['files'] = [];
    const feed = openFeed({
      part: (header, body) => {
        const file = this.#bodies?.put(body);
        files.push(file);
        if (file === undefined) return writer.write(frameTypes.part, id, 0, JSON.stringify(header), body);
        writer.write(frameTypes.part, id, 0, JSON.stringify({ ...header, f: file.path, n: body.length }));
      },
      end: (header) => writer.write(frameTypes.partsEnd, id, 0, JSON.stringify(header)),
    });
    this.#lines.set(id, { feed, files });
  }

  /** The call's handler has taken the oldest part. */
  taken(id: number): void {
    const line = this.#lines.get(id);
    if (!line) return;
    this.#release(line.files.shift());
    line.feed.taken();
  }

  /** The call has ended. */
  close(id: number): void {
    const line = this.#lines.get(id);
    if (!line) return;
    this.#lines.delete(id);
    line.feed.stop();
    for (const file of line.files) this.#release(file);
  }

  closeAll(): void {
    for (const id of [...this.#lines.keys()]) this.close(id);
  }

  #release(file: BodyFile | undefined): void {
    if (file) this.#bodies?.release(file);
  }
}
