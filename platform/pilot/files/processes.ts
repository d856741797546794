/** Finding and ending processes by what is true in /proc; a pid alone is never enough to kill. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readStartTicks } from '#model';
import type { ProcessId } from './records.ts';

export function isAlive({ pid, startTicks }: ProcessId): boolean {
  return readStartTicks(pid) === startTicks;
}

/** Signals the process if it is still the one that was recorded; false when it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    // It ended between the look and the signal.
    return false;
  }
}

/** Kills an instance with everything it started in its process group; false when it is gone. */
export function killGroup(id: ProcessId): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(-id.pid, 'SIGKILL');
  } catch {
    // It leads no group: it is killed alone.
  }
  signalProcess(id, 'SIGKILL');
  return true;
}

/**
 * Our processes that were started for this pilot: those whose arguments hold `--config` and a file of its nodes. Finds
 * what no record tells, such as a launcher that was started but has not yet written its own.
 */
export function findPilotProcesses(pilotDirectory: string): (ProcessId & { config: string })[] {
  const ownUid = process.getuid?.();
  const found: (ProcessId & { config: string })[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    try {
      if (pid === process.pid || statSync(`/proc/${name}`).uid !== ownUid) continue;
      const startTicks = readStartTicks(pid);
      const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const config = argv[argv.indexOf('--config') + 1] ?? '';
      if (argv.includes('--config') && config.startsWith(`${pilotDirectory}/nodes/`) && startTicks !== undefined) {
        found.push({ pid, startTicks, config });
      }
    } catch {
      // It ended while we looked: nothing to find.
    }
  }
  return found;
}
