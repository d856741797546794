/**
 * Ends instances that write too much into their scratch. It lies in memory where there is /dev/shm, no limit of the kernel counts
 * it for an instance, and one function that fills it takes the memory of all others.
 */
import { constants, type Dir, readdirSync } from 'node:fs';
import { chmod, lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '#common';
import type { WatchedInstance } from './memory-watch.ts';

export const scratchCheckMs = 1_000;

export interface ScratchOwner extends WatchedInstance {
  /** Path of its private folder. */
  readonly scratch: string;
}

/** O_PATH (Linux, fcntl.h), which Node does not name. */
const pathOnly = 0o1000_0000;

/** A file, however small, has a page and its entry. */
const entryBytes = 4_096;

/** Payloads and results on their way lie there as well; they are as large as an instance's memory holds. */
const roomBytes = 64 * 2 ** 20;

/** Bytes that may lie in the scratch of an instance of this budget. */
export function scratchBytesMax(memoryBytes: number): number {
  return 2 * memoryBytes + roomBytes;
}

export class ScratchWatch {
  #looking = false;

  /** One look at a time; most scratch folders are empty, and are only opened. */
  async check(instances: Iterable<ScratchOwner>): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const instance of [...instances]) {
        if (instance.pid === 0 || isEmpty(instance.scratch)) continue;
        const most = scratchBytesMax(instance.memoryBytes);
        const bytes = await bytesBelow(instance.scratch, most);
        if (bytes <= most) continue;
        instance.endFor(
          `it wrote more than ${formatBytes(most)} into its scratch, which lies in memory; that is twice resources.memory, and ${formatBytes(roomBytes)}`,
        );
      }
    } finally {
      this.#looking = false;
    }
  }
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

/** Stops once there are more than `most`, which also bounds how many entries are looked at. Links are not followed. */
export async function bytesBelow(folder: string, most: number): Promise<number> {
  let bytes = 0;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined && bytes <= most; at = folders.pop()) {
    const opened = await openAnyway(at);
    if (!opened) continue;
    try {
      for await (const entry of opened) {
        const path = join(at, entry.name);
        const { blocks } = await lstat(path).catch(() => ({ blocks: 0 }));
        bytes += Math.max(entryBytes, blocks * 512);
        if (entry.isDirectory()) folders.push(path);
        if (bytes > most) break;
      }
    } catch {
      // It is being removed while we look.
    }
  }
  return bytes;
}

/** Also a folder that its function has closed to its own user. Undefined where there is none any more. */
async function openAnyway(path: string): Promise<Dir | undefined> {
  try {
    return await opendir(path);
  } catch {
    await unclose(path).catch(() => undefined);
    return await opendir(path).catch(() => undefined);
  }
}

/** By way of a descriptor that was opened without its rights: what stands there now may be a link to somewhere else. */
async function unclose(path: string): Promise<void> {
  await using folder = await open(path, pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await chmod(`/proc/self/fd/${folder.fd}`, 0o700);
}
