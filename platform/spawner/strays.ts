/**
 * Ends what an instance has started and what has left its process group: a daemon outlives whoever made it. It is known by the
 * instance's scratch, which it has as its HOME, TMPDIR or working directory; what has shed all of them is not found.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What is forked while we look is found in the next round. */
const roundsMax = 3;

/** A look at all processes of the node takes some milliseconds. */
export function endStrays(scratch: string): void {
  for (let round = 0; round < roundsMax; round++) {
    const strays = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOf(name, scratch));
    if (strays.length === 0) return;
    for (const pid of strays) end(Number(pid));
  }
}

function isOf(pid: string, scratch: string): boolean {
  try {
    // Of other users neither can be read.
    if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`=${scratch}\0`)) return true;
    const directory = readlinkSync(`/proc/${pid}/cwd`);
    return directory === scratch || directory.startsWith(`${scratch}/`);
  } catch {
    // It is not ours, or has ended while we looked.
    return false;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended while we looked.
  }
}
