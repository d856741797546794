/** Edits below a folder, bunched: editors write a file in several steps. */
import { relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { messageOf, PlatformError } from '#common';

/** Long enough for an editor's write and rename, short enough not to be felt. */
const bunchMs = 20;

/** What is no source: what tools write while they look at one. */
const ignoredNames = /^(node_modules|dist|\..+)$|~$/;

export interface Edits extends AsyncDisposable {
  /** Time (performance.now) of the first edit of the next bunch; undefined once the signal has aborted. Throws `unavailable`. */
  next(): Promise<number | undefined>;
}

/** Resolves when no edit will be missed any more. */
export async function watchFolder(folder: string, signal: AbortSignal): Promise<Edits> {
  let firstAt: number | undefined;
  let wake = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const ignored = (path: string) =>
    relative(folder, path)
      .split(sep)
      .some((name) => ignoredNames.test(name));
  // Waiting out an editor's rename is left to the bunch, which is shorter.
  const watcher = watch(folder, { ignored, ignoreInitial: true, atomic: false });
  watcher.on('all', () => {
    firstAt ??= performance.now();
    wake.resolve();
  });
  watcher.on('ready', () => ready.resolve());
  watcher.on('error', (error) => {
    const failure = cannotWatch(folder, error);
    ready.reject(failure);
    wake.reject(failure);
  });
  const stop = () => wake.resolve();
  signal.addEventListener('abort', stop);
  wake.promise.catch(() => undefined);
  await ready.promise;
  return {
    async next() {
      await wake.promise;
      await new Promise((resolve) => setTimeout(resolve, bunchMs));
      const editedAt = firstAt;
      firstAt = undefined;
      if (signal.aborted) return undefined;
      wake = Promise.withResolvers<void>();
      wake.promise.catch(() => undefined);
      return editedAt;
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', stop);
      await watcher.close();
    },
  };
}

function cannotWatch(folder: string, error: unknown): PlatformError {
  return new PlatformError('unavailable', `${folder} cannot be watched: ${messageOf(error)}`, {
    hint: 'A limit of inotify may be reached (sysctl fs.inotify.max_user_watches); `pilotfish deploy` works without.',
    cause: error,
  });
}
