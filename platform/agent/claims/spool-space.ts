/** Keeps a node's spools within their bound: a fetch waits for room rather than fill the node's memory (R6). */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes, PlatformError, systemClock } from '#common';

/** All spools of a node together; less where tmpfs has less than twice that. */
const spoolBytesMax = 4 * 2 ** 30;
const freeShareMax = 0.5;
/** Longest wait for room. The event's lease is renewed meanwhile; afterwards another node may have room. */
const roomWaitMs = 60_000;
const roomPollMs = 50;

/** Calls `create` as soon as there is room for `bytes`; it must make a file of that size, which is the reservation. */
export async function reserveSpool<T>(directory: string, create: () => T, bytes: number): Promise<T> {
  const deadline = systemClock.monotonic() + roomWaitMs;
  for (;;) {
    const { used, max } = measure(directory);
    // A single gather may use all of it; one that cannot fit at all must not wait.
    if (used + bytes <= max) return create();
    if (used === 0 || systemClock.monotonic() >= deadline) {
      throw new PlatformError(
        'no-capacity',
        `gathered parts of ${formatBytes(bytes)} do not fit: spools on this node may hold ${formatBytes(max)}`,
        {
          hint: 'Gather less a key, or give the node more room in its tmpfs.',
        },
      );
    }
    await systemClock.sleep(roomPollMs);
  }
}

/** Bytes in use as written (holes count nothing), those reserved but not yet written, and the bound. */
function measure(directory: string): { used: number; max: number } {
  let used = 0;
  let written = 0;
  for (const name of readdirSync(directory)) {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false });
    if (!stat) continue;
    written += stat.blocks * 512;
    used += stat.size;
  }
  const { bavail, bsize } = statfsSync(directory);
  return { used, max: Math.min(spoolBytesMax, (bavail * bsize + written) * freeShareMax) };
}
