/** Ends foreign instances that have started too many processes. Those that left the process group are not seen. */
import { readdirSync, readFileSync } from 'node:fs';
import type { WatchedInstance } from './memory-watch.ts';

/** A look at all processes of the node takes some milliseconds. */
export const groupCheckMs = 1_000;

/** MPI and the pools of numeric libraries start one a core. */
export const groupProcessesMax = 256;

/** An instance's process leads its group: the group's id is the instance's pid. */
export function checkGroups(instances: readonly WatchedInstance[], sizes = readGroupSizes): void {
  if (instances.length === 0) return;
  const groups = sizes();
  for (const instance of instances) {
    const processes = groups.get(instance.pid) ?? 0;
    if (processes > groupProcessesMax)
      instance.endFor(`it ran ${processes} processes; an instance may have ${groupProcessesMax}`);
  }
}

/** Processes in each group of the node. */
function readGroupSizes(): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const group = /^\d+$/.test(name) ? groupOf(name) : undefined;
    if (group !== undefined) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  return sizes;
}

/** Field 5 of /proc/PID/stat; the name before it may hold blanks and brackets. */
function groupOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  } catch {
    // It ended while we looked.
    return undefined;
  }
}
