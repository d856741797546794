/** The words in front of an instance's own command, and what they amount to on this node. Pure. */
import type { Isolation } from '#proto';
import { type NodeIsolation, noNetwork, parentDeath } from './probe.ts';

/** V8 reserves this much data before a function has allocated anything (measured on Node 24). */
const nodeBaseBytes = 600 * 2 ** 20;
/** An interpreter with a numeric library maps this much without touching it. */
const foreignBaseBytes = 512 * 2 ** 20;
/** Enough for any library, too few to exhaust the node's table. */
const openFilesMax = 1_024;

export interface ConfineOptions {
  readonly memoryBytes: number;
  readonly isNode: boolean;
  /** The manifest grants the network. */
  readonly net: boolean;
}

export function confiningWords(isolation: NodeIsolation, { memoryBytes, isNode, net }: ConfineOptions): string[] {
  const base = isNode ? nodeBaseBytes : foreignBaseBytes;
  return [
    ...(isolation.namespaces && !net ? noNetwork : []),
    // After the namespace: entering one may undo it.
    ...(isolation.setpriv ? parentDeath : []),
    ...(isolation.prlimit
      ? ['prlimit', `--data=${base + memoryBytes}`, '--core=0', `--nofile=${openFilesMax}`, '--']
      : []),
  ];
}

/** What users are told; a core each can only be given where no more instances run than there are cores. */
export function describeIsolation(isolation: NodeIsolation, slots: number): Isolation {
  const holds: Record<string, boolean> = {
    // The watchdog needs no tool.
    memory: true,
    cpu: pinsCores(isolation, slots),
    network: isolation.namespaces,
    // Node's permission model; a foreign process is not under it.
    files: true,
    processes: false,
  };
  const names = Object.keys(holds);
  return {
    tier: isolation.namespaces ? 'namespaces' : 'limits',
    enforced: names.filter((name) => holds[name]),
    notEnforced: names.filter((name) => !holds[name]),
  };
}

export function pinsCores({ cores }: NodeIsolation, slots: number): boolean {
  return cores.length > 0 && slots <= cores.length;
}
