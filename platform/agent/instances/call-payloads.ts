/** How payloads reach an instance and its results come back: in their frame, or in files of the node's memory that it names. */
import {
  callForms,
  callPacked,
  type Frame,
  type FrameWriter,
  frameTypes,
  type ResultFileHeader,
  resultInFile,
} from '#frames';
import type { Call, CallOutcome } from '../call.ts';
import type { BodyFile, BodyFiles, PutBody } from './body-files.ts';
import { PartLines } from './part-lines.ts';
import type { RunningCall } from './running-calls.ts';

const noBody = new Uint8Array(0);

export class CallPayloads {
  /** Absent where large bodies go through the socket, too. */
  readonly #bodies: BodyFiles | undefined;

  constructor(bodies: BodyFiles | undefined) {
    this.#bodies = bodies;
  }

  /** A file for a large payload. An idle instance reads while it is written; one at work finds all of it there. */
  place({ body }: Call, isIdle: boolean): PutBody | undefined {
    if (isIdle) return this.#bodies?.begin(body);
    const used = this.#bodies?.put(body);
    return used && { used, mark: undefined };
  }

  /** Throws for headers over what a frame holds. */
  writeCall(writer: FrameWriter, id: number, call: Call, put: PutBody | undefined): void {
    const flags = (call.packed ? callPacked : 0) | PartLines.flagOf(call);
    const form = call.claimed ? callForms.claimed : callForms.inline;
    if (put === undefined) return writer.write(frameTypes.call, id, form | flags, call.header, call.body);
    const growing = put.mark === undefined ? '' : `,"w":${put.mark}`;
    const inFile = `"f":${JSON.stringify(put.used.path)},"n":${call.body.length}${growing}`;
    writer.write(frameTypes.call, id, callForms.file | flags, `${call.header.slice(0, -1)},${inFile}}`);
  }

  /** Writes what has only been given a place; the instance is told before, and reads behind. Throws where the node has lost its memory. */
  grow(writer: FrameWriter, put: PutBody | undefined, { body }: Call): void {
    if (put?.mark === undefined) return;
    writer.flush();
    this.#bodies?.grow(put, body);
  }

  /** What a `result` frame says of a call; `header` is its text. */
  resultOf({ flags, body }: Frame, header: string, writer: FrameWriter | undefined, of: RunningCall): CallOutcome {
    const spent = of.file !== undefined;
    if ((flags & resultInFile) === 0) return { kind: 'result', form: flags, header, body, spent };
    try {
      const file = JSON.parse(header) as ResultFileHeader;
      const done = () => writer?.write(frameTypes.taken, file.file, 0, '');
      const form = flags & ~resultInFile;
      const bodies = this.#bodies;
      if (!bodies) throw new Error('there is no place for such files');
      if (of.call.mayLeave && file.checksum !== undefined)
        return { kind: 'result', form, header: '', body: noBody, spent, left: bodies.left(file, file.checksum, done) };
      const taken = bodies.take(file);
      done();
      return { kind: 'result', form, header: '', body: taken, spent };
    } catch (error) {
      const message = `its result cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      return { kind: 'failed', error: { kind: 'failed', message, stack: '' } };
    }
  }

  /** The next payload may have the file. */
  release(file: BodyFile | undefined): void {
    if (file) this.#bodies?.release(file);
  }

  /** The instance has ended. */
  close(): void {
    this.#bodies?.close();
  }
}
