/**
 * A body that is read out of a file while it is being written: with two processors free the second copy costs no time of its
 * own, where one process after the other took as long as a socket. How much is there stands in the file itself, far behind
 * the body. Only for pages that the file has already: fresh ones cost more than the copy, and may not be had at all.
 */
import { readSync, writeSync } from 'node:fs';
import { frameBytesMax } from './frame.ts';
import { bodyMemory } from './read-body.ts';

/** Written and told in pieces of this size: a few microseconds' work for the other side. */
const pieceBytes = 128 * 2 ** 10;
/** Where the file says how far it is. Pages between are none. */
const progressAt = Math.ceil(frameBytesMax / pieceBytes) * pieceBytes;
/** A piece takes a tenth of this; whoever waits longer gives the processor away, which the writer may need. */
const spinMs = 0.03;
const restMs = 0.05;
/** The writer does nothing else until it is done, and takes the reader along when it dies; a stopped one goes on. */
const waitMs = 20_000;

/** The mark of this body, the bytes that are there, and both in one: a reader in between must not believe half of it. */
const progress = new Uint32Array(3);
const asleep = new Int32Array(new SharedArrayBuffer(4));

/** Writes over the start of an open file. `mark` is another one for each body. */
export function writeGrowing(file: number, body: Uint8Array, mark: number): void {
  for (let at = 0; at < body.length; ) {
    at += writeSync(file, body, at, Math.min(pieceBytes, body.length - at), at);
    progress[0] = mark;
    progress[1] = at;
    progress[2] = ~(mark ^ at);
    writeSync(file, progress, 0, progress.byteLength, progressAt);
  }
}

/** Reads what is being written with this mark; returns once all of it is there. Throws where it stops coming. */
export function readGrowing(file: number, length: number, mark: number): Buffer<ArrayBuffer> {
  const bytes = bodyMemory(length);
  let movedAt = performance.now();
  for (let at = 0; at < length; ) {
    const there = Math.min(length, bytesThere(file, mark));
    if (there > at) {
      at += readSync(file, bytes, at, there - at, at);
      if (at === length) break;
      movedAt = performance.now();
      continue;
    }
    const waitedMs = performance.now() - movedAt;
    if (waitedMs > waitMs) throw new Error(`the file had ${at} bytes of ${length} and got no more for ${waitMs} ms`);
    if (waitedMs > spinMs) Atomics.wait(asleep, 0, 0, restMs);
  }
  return bytes;
}

function bytesThere(file: number, mark: number): number {
  if (readSync(file, progress, 0, progress.byteLength, progressAt) < progress.byteLength) return 0;
  const [writing = 0, there = 0, both = 0] = progress;
  return writing === mark && both === ~(mark ^ there) >>> 0 ? there : 0;
}
