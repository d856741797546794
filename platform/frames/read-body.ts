/** Reads a body that lies in a file into memory of its own. */
import { readSync } from 'node:fs';
import { runInNewContext } from 'node:vm';

/**
 * V8 hardly counts memory outside its heap: bodies of 2 MiB pile up by the dozen before it looks, each on fresh pages
 * whose first touch costs more than the copy. Collected after so many bytes, the same pages serve again
 * (measured at 2 MiB: 0.28 ms a body instead of 1.0).
 */
const collectedEveryBytes = 8 * 2 ** 20;

let uncollectedBytes = 0;
let collectYoung: ((options: { type: 'minor' }) => void) | undefined;

/** For one body, which may be kept. */
export function bodyMemory(length: number): Buffer<ArrayBuffer> {
  uncollectedBytes += length;
  if (uncollectedBytes > collectedEveryBytes) {
    uncollectedBytes = 0;
    collectYoung ??= youngCollector();
    collectYoung({ type: 'minor' });
  }
  return Buffer.allocUnsafeSlow(length);
}

/** The first `length` bytes of an open file. Throws where it has fewer. */
export function readBody(file: number, length: number): Buffer<ArrayBuffer> {
  return readInto(bodyMemory(length), file);
}

/** Fills the memory with what is at the start of an open file. Throws as `readBody`. */
export function readInto<T extends Buffer>(bytes: T, file: number): T {
  const { length } = bytes;
  for (let at = 0; at < length; ) {
    const read = readSync(file, bytes, at, length - at, at);
    if (read === 0) throw new Error(`the file ended after ${at} bytes of ${length}`);
    at += read;
  }
  return bytes;
}

/** `gc()` is there for who asks for it; the flag is read when a context is made. */
function youngCollector(): NonNullable<typeof collectYoung> {
  // Loaded here: each instance that starts would pay for it.
  process.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as NonNullable<typeof collectYoung>;
}
