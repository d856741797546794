/** All processes of one node, to stop and wake them together: what a network or a machine that hangs looks like from outside. */
import { readdirSync, readFileSync } from 'node:fs';
import type { TestPilot } from './pilot.ts';

/** The launcher and everything below it, parents first. */
export function processesOfNode(pilot: TestPilot, node: string): number[] {
  const children = childrenByParent();
  const found = [pilot.node(node).launcher.pid];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** Stops them; the returned function wakes them, and may be called again. */
export function stopProcesses(pids: readonly number[]): () => void {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It was ended meanwhile.
      }
    }
  };
}

export function isRunning(pid: number): boolean {
  try {
    // A zombie has ended; its parent has not asked yet.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [, parent = ''] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  return children;
}

/** A node that loses its power: its launcher first, so that nothing is started anew. */
export function killNode(pilot: TestPilot, node: string): void {
  for (const pid of processesOfNode(pilot, node)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended with its parent.
    }
  }
}
