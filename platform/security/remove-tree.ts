/**
 * Removes a folder that others have written into, whatever they left there: folders closed to their own owner, and nested so deeply
 * that no path names them. Those Node cannot remove; `chmod` and `rm` go step by step, and follow no link.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What is just being killed may still write: tried again for up to a second. */
const options = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 } as const;

const stubborn = (path: string) =>
  [
    ['chmod', ['-R', 'u+rwx', '--', path]],
    ['rm', ['-rf', '--', path]],
  ] as const;

/** Throws where it is still there afterwards. */
export function removeTree(path: string): void {
  try {
    rmSync(path, options);
  } catch (error) {
    for (const [program, args] of stubborn(path)) spawnSync(program, args, { stdio: 'ignore' });
    if (existsSync(path)) throw error;
  }
}

/** As above, beside other work: a folder of a hundred thousand files takes a second. */
export async function removeTreeMeanwhile(path: string): Promise<void> {
  try {
    await rm(path, options);
  } catch (error) {
    for (const [program, args] of stubborn(path)) await promisify(execFile)(program, args).catch(() => undefined);
    if (existsSync(path)) throw error;
  }
}
