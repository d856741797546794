/** The children's log files: 0600, appended to by the children themselves, cut when they grow. */
import { closeSync, constants, copyFileSync, openSync, statSync, truncateSync } from 'node:fs';

/** One full file and one older: a day of warnings, not a disk of them. */
const logBytesMax = 16 * 2 ** 20;
const checkMs = 5_000;

/** Opens for a child; the caller closes its own copy after the spawn. */
export function openLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
}

export function closeLog(file: number): void {
  closeSync(file);
}

/** Watches the sizes until the returned function is called. */
export function keepLogsBounded(paths: readonly string[], bytesMax = logBytesMax, everyMs = checkMs): () => void {
  const timer = setInterval(() => {
    for (const path of paths) rotateLog(path, bytesMax);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Copies and empties instead of renaming: the child holds the file open, and in append mode goes on at the new end. Lines
 * written between the two steps are lost.
 */
export function rotateLog(path: string, bytesMax: number): boolean {
  try {
    if (statSync(path).size <= bytesMax) return false;
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
    return true;
  } catch {
    // Not there yet, or the disk is full: the next look tries again.
    return false;
  }
}
