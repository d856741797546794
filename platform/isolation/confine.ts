/** The words in front of an instance's own command, and what they amount to on this node. Pure. */
import type { Isolation } from '#proto';
import { type ConfineScript, type NodeIsolation, noNetwork, parentDeath } from './probe.ts';

/** V8 reserves this much data before a function has allocated anything (measured on Node 24). */
const nodeBaseBytes = 600 * 2 ** 20;
/** An interpreter with a numeric library maps this much without touching it. */
const foreignBaseBytes = 512 * 2 ** 20;
/** Enough for any library, too few to exhaust the node's table. */
const openFilesMax = 1_024;

/** Processes and threads of a foreign function; the library of a large node starts a thread a core. */
const processesMax = 1_024;

export interface ConfineOptions {
  readonly memoryBytes: number;
  readonly isNode: boolean;
  /** The manifest grants the network. */
  readonly net: boolean;
  /** All that it may write. */
  readonly write: readonly string[];
}

export function confiningWords(isolation: NodeIsolation, options: ConfineOptions): string[] {
  const { confine, namespaces, setpriv, prlimit } = isolation;
  const { memoryBytes, isNode, net } = options;
  const dataBytes = memoryBytes + (isNode ? nodeBaseBytes : foreignBaseBytes);
  return [
    ...(namespaces && !net ? noNetwork : []),
    // After the namespace: entering one may undo what follows.
    ...(confine ? confineWords(confine, isolation, options, dataBytes) : []),
    ...(!confine && setpriv ? parentDeath : []),
    ...(!confine && prlimit ? ['prlimit', `--data=${dataBytes}`, '--core=0', `--nofile=${openFilesMax}`, '--'] : []),
  ];
}

function confineWords(
  { path, landlock, signals, sockets }: ConfineScript,
  { namespaces }: NodeIsolation,
  { isNode, net, write }: ConfineOptions,
  dataBytes: number,
): string[] {
  const limits = ['--die-with-parent', '--data', `${dataBytes}`, '--open-files', `${openFilesMax}`];
  // The kernel counts a user's processes all together, but in a namespace of its own by themselves.
  if (!isNode && namespaces && !net) limits.push('--processes', `${processesMax}`);
  const writes = landlock ? write.flatMap((each) => ['--write', each]) : [];
  // Node's permission model keeps a host from devices; a foreign program expects them.
  if (landlock && !isNode) writes.push('--devices');
  if (signals) writes.push('--no-signals');
  return ['perl', path, ...limits, ...writes, ...(sockets && !namespaces && !net ? ['--no-sockets'] : []), '--'];
}

/** What users are told; a core each can only be given where no more instances run than there are cores. */
export function describeIsolation(isolation: NodeIsolation, slots: number): Isolation {
  const { confine, namespaces, setpriv } = isolation;
  const holds: Record<string, boolean> = {
    // The watchdog needs no tool.
    memory: true,
    cpu: pinsCores(isolation, slots),
    network: namespaces || confine?.sockets === true,
    // Node's permission model; a foreign process is not under it.
    files: true,
    'foreign-files': confine?.landlock === true,
    signals: confine?.signals === true,
    privileges: setpriv || confine !== undefined,
  };
  const names = Object.keys(holds);
  const network = namespaces ? 'namespaces' : 'seccomp';
  const tiers = [...(holds['network'] ? [network] : []), ...(confine?.landlock ? ['landlock'] : [])];
  return {
    tier: tiers.join('+') || 'limits',
    enforced: names.filter((name) => holds[name]),
    notEnforced: names.filter((name) => !holds[name]),
  };
}

export function pinsCores({ cores }: NodeIsolation, slots: number): boolean {
  return cores.length > 0 && slots <= cores.length;
}
