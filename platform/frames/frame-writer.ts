/** Writes frames to a socket; all frames of one tick, or of one turn of the event loop, leave in one write. */
import type { Writable } from 'node:stream';
import { PlatformError } from '#common';
import { type FrameType, frameBytesMax, frameHeaderBytesMax, framePrefixBytes } from './frame.ts';

const emptyBody = new Uint8Array(0);

/** Frames are gathered in a buffer of this size; bodies from a quarter of it on are written without a copy. */
const batchBytes = 64 * 1024;

export class FrameWriter {
  readonly #socket: Writable;
  readonly #soon: (flush: () => void) => unknown;
  #batch = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;
  #frames = 0;
  #framesBefore = 0;
  #flushPlanned = false;

  /** `soon` is `setImmediate` where frames are caused by callbacks of their own that come together, as from an HTTP/2 session. */
  constructor(socket: Writable, soon: (flush: () => void) => unknown = queueMicrotask) {
    this.#socket = socket;
    this.#soon = soon;
  }

  /** Bytes that the peer has not taken yet; callers bound it. */
  get bufferedBytes(): number {
    return this.#used + this.#socket.writableLength;
  }

  /** How many left together the last time. */
  get framesBefore(): number {
    return this.#framesBefore;
  }

  /** Throws `payload-too-large` for a frame over its limits. The body may be reused once the call returns only if it is small. */
  // biome-ignore lint/complexity/useMaxParams: once an event; an object for the list would cost more than the list.
  write(type: FrameType, id: number, flags: number, header: string, body: Uint8Array = emptyBody): void {
    // One byte a character holds for the usual header; the exact size is asked for only where it could matter.
    const headerBytes = header.length === 0 ? 0 : Buffer.byteLength(header);
    const total = framePrefixBytes + headerBytes + body.length;
    if (headerBytes > frameHeaderBytesMax || total > frameBytesMax) {
      throw new PlatformError(
        'payload-too-large',
        `a frame of ${total} bytes (header ${headerBytes}) is over the limit of ${frameBytesMax} bytes (header ${frameHeaderBytesMax})`,
        { hint: 'Send large data by reference, or in several events.' },
      );
    }
    const inline = body.length < batchBytes / 4;
    const need = framePrefixBytes + headerBytes + (inline ? body.length : 0);
    if (need > batchBytes) return this.#writeAlone(type, id, flags, header, headerBytes, body);
    if (this.#used + need > batchBytes) this.flush();
    this.#frames++;
    const batch = this.#batch;
    let at = writePrefix(batch, this.#used, total, id, type, flags, headerBytes);
    if (headerBytes > 0) at += batch.write(header, at);
    if (inline) {
      batch.set(body, at);
      this.#used = at + body.length;
    } else {
      this.#used = at;
      this.flush();
      this.#socket.write(body);
      return;
    }
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      this.#soon(() => this.flush());
    }
  }

  /** Hands what is gathered to the socket now. */
  flush(): void {
    this.#flushPlanned = false;
    if (this.#used === 0) return;
    this.#framesBefore = this.#frames;
    this.#frames = 0;
    if (this.#used < batchBytes / 16) {
      // A copy of a few frames is cheaper than a new batch buffer.
      this.#socket.write(Buffer.from(this.#batch.subarray(0, this.#used)));
    } else {
      this.#socket.write(this.#batch.subarray(0, this.#used));
      this.#batch = Buffer.allocUnsafeSlow(batchBytes);
    }
    this.#used = 0;
  }

  // biome-ignore lint/complexity/useMaxParams: once an event; an object for the list would cost more than the list.
  #writeAlone(type: FrameType, id: number, flags: number, header: string, headerBytes: number, body: Uint8Array): void {
    this.flush();
    const head = Buffer.allocUnsafe(framePrefixBytes + headerBytes);
    writePrefix(head, 0, head.length + body.length, id, type, flags, headerBytes);
    head.write(header, framePrefixBytes);
    this.#socket.write(head);
    if (body.length > 0) this.#socket.write(body);
  }
}

// biome-ignore lint/complexity/useMaxParams: once an event; an object for the list would cost more than the list.
function writePrefix(
  into: Buffer,
  at: number,
  total: number,
  id: number,
  type: number,
  flags: number,
  headerBytes: number,
): number {
  into.writeUInt32LE(total - 4, at);
  into.writeUInt32LE(id, at + 4);
  into[at + 8] = type;
  into[at + 9] = flags;
  into.writeUInt16LE(headerBytes, at + 10);
  return at + framePrefixBytes;
}
