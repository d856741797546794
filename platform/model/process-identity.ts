/** A process is named by its pid and its start time: pids are used again, the pair is not. */
import { readFileSync } from 'node:fs';

/** Field 22 of /proc/PID/stat (start in clock ticks since boot), or undefined when there is no such process (zombies count as none). */
export function readStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold blanks and brackets; the fields after it start behind the last ")".
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    // The process ended: that is the answer.
    return undefined;
  }
}
