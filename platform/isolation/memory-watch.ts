/**
 * Ends instances that use more memory than they may. RLIMIT_DATA stops most of them by itself, but where prlimit is
 * missing, and for what it does not count (shared memory), this is what holds: what is resident is looked at five times
 * a second, at 20 us each.
 */
import { readFileSync } from 'node:fs';
import { formatBytes } from '#common';

export interface WatchedInstance {
  /** 0 before its process has started. */
  readonly pid: number;
  readonly memoryBytes: number;
  /** Ends it for what its function did. */
  endFor(fault: string): void;
}

/** An instance that allocates as fast as it can takes a few hundred MB in this time. */
export const memoryCheckMs = 200;

/** A host that does nothing has 45 MB resident, most of them shared with all others. */
const hostBytes = 64 * 2 ** 20;
const pageBytes = 4_096;

/** Bytes that may be resident for an instance of this budget. */
export function residentBytesMax(memoryBytes: number): number {
  return memoryBytes + hostBytes;
}

export function checkMemory(instances: Iterable<WatchedInstance>, residentOf = residentBytes): void {
  for (const instance of instances) {
    const resident = instance.pid > 0 ? residentOf(instance.pid) : undefined;
    if (resident === undefined || resident <= residentBytesMax(instance.memoryBytes)) continue;
    instance.endFor(
      `it used ${formatBytes(resident)} of memory; resources.memory is ${formatBytes(instance.memoryBytes)} (and ${formatBytes(hostBytes)} for the runtime)`,
    );
  }
}

/** Undefined for a process that has ended. */
function residentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * pageBytes;
  } catch {
    return undefined;
  }
}
