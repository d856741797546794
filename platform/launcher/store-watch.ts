/**
 * A nats-server whose disk was full refuses to write for ever after: a stream's file keeps the error it once had (seen with
 * 2.15.1). So its log is followed, and once there is room again it is started anew.
 */
import { closeSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#telemetry';

export interface StoreWatchOptions {
  /** The server's log. */
  readonly logFile: string;
  /** Where its streams lie. */
  readonly storeDirectory: string;
  /** Ends the server; its parent starts it again. */
  readonly restart: () => void;
  readonly logger: Logger;
}

/** What the kernel says, as the server logs it. */
const refusals = /no space left on device|disk quota exceeded|read-only file system/i;
const lookEveryMs = 1_000;
/** A server that has just started gets so long before the next start. */
const restMs = 10_000;
/** Of a log that has grown by more, only the end is read. */
const readBytesMax = 256 * 1_024;
/** So much must fit before a start is worth while. */
const probe = Buffer.alloc(1_024 * 1_024, 1);

/** Watches until the returned function is called. */
export function watchStore(options: StoreWatchOptions): () => void {
  let offset = sizeOf(options.logFile);
  let refused = false;
  let restAt = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const size = sizeOf(options.logFile);
    if (refusals.test(readPart(options.logFile, Math.max(Math.min(offset, size), size - readBytesMax), size)))
      refused = true;
    offset = size;
    if (!refused || performance.now() < restAt || !hasRoom(options.storeDirectory)) return;
    refused = false;
    restAt = performance.now() + restMs;
    options.logger.warn(
      { store: options.storeDirectory },
      'the disk had no room and has it again: the server starts anew',
    );
    options.restart();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function hasRoom(directory: string): boolean {
  const path = join(directory, '.room');
  try {
    writeFileSync(path, probe, { mode: 0o600 });
    return true;
  } catch {
    // Still full, over quota, or read-only.
    return false;
  } finally {
    rmSync(path, { force: true });
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function readPart(path: string, from: number, to: number): string {
  if (to <= from) return '';
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(to - from);
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, from));
  } finally {
    closeSync(file);
  }
}
