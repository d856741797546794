/**
 * Memory of large payloads that is used again. The first touch of a fresh page costs eight times what a copy into a used one does
 * (docs/delivery.md), and what the garbage collector gives back is fresh the next time.
 */

/** Payloads of nearly one size share their buffers. */
const stepBytes = 256 * 2 ** 10;
/** What waits to be used again, of all sizes together; what is over goes to the garbage collector. */
const keptBytesMax = 32 * 2 ** 20;

const lent = new WeakSet<ArrayBufferLike>();
const kept = new Map<number, ArrayBufferLike[]>();
let keptBytes = 0;

/** Memory with anything in it. Whoever is done with it gives it back, or leaves it to the garbage collector. */
export function borrowBuffer(length: number): Buffer {
  const size = Math.ceil(length / stepBytes) * stepBytes;
  let memory = kept.get(size)?.pop();
  if (memory) keptBytes -= size;
  else memory = Buffer.allocUnsafeSlow(size).buffer;
  lent.add(memory);
  return Buffer.from(memory, 0, length);
}

/** Nobody reads the payload any more, nor any other part of its buffer. What was not borrowed, or has been given back, is let alone. */
export function giveBackBuffer({ buffer }: Uint8Array): void {
  if (!lent.delete(buffer) || keptBytes + buffer.byteLength > keptBytesMax) return;
  keptBytes += buffer.byteLength;
  const sameSize = kept.get(buffer.byteLength);
  if (sameSize) sameSize.push(buffer);
  else kept.set(buffer.byteLength, [buffer]);
}
