/** Waiting for files that another process, perhaps on another node, puts into a directory. */
import { type FSWatcher, watch } from 'node:fs';
import { PlatformError } from '#common';

export interface FileWait<T> {
  /** The directory where something will change. */
  readonly directory: string;
  /** Looks; undefined means not yet. */
  readonly look: () => T | undefined;
  /** Undefined: as long as it takes, until the signal. */
  readonly timeoutMs?: number;
  /** For the error. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** Shared file systems (NFS, Lustre) tell no changes made on other nodes: looked at this often besides. */
const pollMsDefault = 250;

/** What `look` found. Throws `timeout` after the deadline, `cancelled` when the signal aborts. */
export async function waitForFile<T>(wait: FileWait<T>): Promise<T> {
  const { directory, look, timeoutMs, what, signal } = wait;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const check = () => {
    try {
      const found = look();
      if (found !== undefined) resolve(found);
    } catch (error) {
      reject(error);
    }
  };
  const cancel = () => reject(new PlatformError('cancelled', `stopped waiting for ${what}`));
  const watcher = watchQuietly(directory, check);
  const poll = setInterval(check, wait.pollMs ?? pollMsDefault);
  const late = () => reject(new PlatformError('timeout', `${what} did not appear within ${timeoutMs} ms`));
  const deadline = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    check();
    return await promise;
  } finally {
    watcher?.close();
    clearInterval(poll);
    clearTimeout(deadline);
    signal.removeEventListener('abort', cancel);
  }
}

function watchQuietly(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, onChange);
    // The poll goes on without it.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    // No inotify instance is left, or the directory is gone: the poll tells.
    return undefined;
  }
}
