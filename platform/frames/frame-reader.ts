/** Cuts a byte stream into frames. */
import { PlatformError } from '#common';
import { type Frame, frameBytesMax, framePrefixBytes } from './frame.ts';

export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** Chunks of a frame that has not arrived whole, joined once it has: a large frame is copied once, not once a chunk. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #neededBytes = framePrefixBytes;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Feeds a chunk; calls back for each whole frame. Throws `invalid` on a malformed prefix: the socket is then of no more use. */
  push(chunk: Buffer): void {
    let data = chunk;
    if (this.#waitingBytes > 0) {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#waitingBytes < this.#neededBytes) return;
      data = Buffer.concat(this.#waiting, this.#waitingBytes);
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    const rest = this.#deliver(data);
    if (rest < data.length) {
      const tail = data.subarray(rest);
      this.#waiting.push(tail);
      this.#waitingBytes = tail.length;
    }
  }

  /** Delivers whole frames and returns where the first incomplete one starts. */
  #deliver(data: Buffer): number {
    let at = 0;
    this.#neededBytes = framePrefixBytes;
    while (data.length - at >= framePrefixBytes) {
      const total = data.readUInt32LE(at) + 4;
      const headerBytes = data.readUInt16LE(at + 10);
      if (total > frameBytesMax || total < framePrefixBytes + headerBytes) {
        throw new PlatformError('invalid', `a frame claims ${total} bytes with a header of ${headerBytes}`, {
          hint: `Frames have ${framePrefixBytes} to ${frameBytesMax} bytes; the peer speaks another protocol or wrote to the frame socket itself.`,
        });
      }
      if (data.length - at < total) {
        this.#neededBytes = total;
        break;
      }
      const bodyAt = at + framePrefixBytes + headerBytes;
      this.#onFrame({
        id: data.readUInt32LE(at + 4),
        type: data[at + 8] ?? 0,
        flags: data[at + 9] ?? 0,
        header: data.subarray(at + framePrefixBytes, bodyAt),
        body: data.subarray(bodyAt, at + total),
      });
      at += total;
    }
    return at;
  }
}
