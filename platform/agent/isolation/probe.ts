/**
 * Finds out, by trying, what this node can keep instances from. Everything is tried as the user who runs the pilot, on a
 * process that does nothing; what does not work here is reported, not assumed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What was found to work here. */
export interface NodeIsolation {
  /** util-linux's setpriv: an instance dies with its spawner and gains no privileges. */
  readonly setpriv: boolean;
  /** util-linux's prlimit: limits of memory, open files and core dumps. */
  readonly prlimit: boolean;
  /** User and network namespaces without root: an instance has no network. */
  readonly namespaces: boolean;
  /** Processors that an instance can be bound to with taskset; empty where it cannot. */
  readonly cores: readonly number[];
}

/** A program that hangs here must not keep the agent from starting. */
const probeMs = 2_000;

/** Takes 10 to 30 ms. */
export function probeIsolation(): NodeIsolation {
  return {
    setpriv: works([...parentDeath, 'true']),
    prlimit: works(['prlimit', '--data=1073741824', '--core=0', '--', 'true']),
    namespaces: works([...noNetwork, 'sh', '-c', 'test "$(wc -l < /proc/net/dev)" -le 3']),
    cores: works(['taskset', '-cp', String(process.pid)]) ? allowedCores() : [],
  };
}

export const parentDeath = ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs', '--'] as const;

/** A network of its own, in which there is nothing: not even the loopback device is up. */
export const noNetwork = ['unshare', '--user', '--map-current-user', '--net', '--'] as const;

function works([program = '', ...args]: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: probeMs }).status === 0;
}

/** What the batch system, or whoever started us, has left to this process. */
function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return parseCores(list);
}

/** "0-2,5" is 0, 1, 2, 5. */
export function parseCores(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last)) return [];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  });
}
