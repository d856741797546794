/**
 * Finds out, by trying, what this node can keep instances from. Everything is tried as the user who runs the pilot, on a
 * process that does nothing; what does not work here is reported, not assumed.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What was found to work here. */
export interface NodeIsolation {
  /** util-linux's setpriv: an instance dies with its spawner and gains no privileges. */
  readonly setpriv: boolean;
  /** util-linux's prlimit: limits of memory, open files and core dumps. */
  readonly prlimit: boolean;
  /** User and network namespaces without root: an instance has no network. */
  readonly namespaces: boolean;
  /** confine.pl, and what of it the kernel takes; undefined where it does not run. It does what setpriv and prlimit do, too. */
  readonly confine: ConfineScript | undefined;
  /** Processors that an instance can be bound to with taskset; empty where it cannot. */
  readonly cores: readonly number[];
}

export interface ConfineScript {
  readonly path: string;
  /** Landlock: nothing but what is named can be written, the memory of other processes not be read. */
  readonly landlock: boolean;
  /** Landlock from Linux 6.12 on: signals stay inside. */
  readonly signals: boolean;
  /** seccomp: no network sockets, where there are no namespaces. */
  readonly sockets: boolean;
}

/** A program that hangs here must not keep the agent from starting; one that is slow on a busy node is not to be taken for missing. */
const probeMs = 10_000;

/** Takes 20 to 50 ms, and longer on a busy node. `confineScript` is the path of confine.pl. */
export async function probeIsolation(confineScript: string): Promise<NodeIsolation> {
  const [confine, setpriv, prlimit, namespaces, taskset] = await Promise.all([
    probeConfine(confineScript),
    works([...parentDeath, 'true']),
    works(['prlimit', '--data=1073741824', '--core=0', '--', 'true']),
    works([...noNetwork, 'sh', '-c', 'test "$(wc -l < /proc/net/dev)" -le 3']),
    works(['taskset', '-cp', String(process.pid)]),
  ]);
  return { confine, setpriv, prlimit, namespaces, cores: taskset ? allowedCores() : [] };
}

async function probeConfine(path: string): Promise<ConfineScript | undefined> {
  const takes = (...options: string[]) => works(['perl', path, ...options, '--', 'true']);
  const [runs, landlock, signals, sockets] = await Promise.all([
    takes('--die-with-parent', '--data', '1073741824', '--open-files', '64'),
    takes('--write', '/proc/self', '--devices'),
    takes('--no-signals'),
    takes('--no-sockets'),
  ]);
  return runs ? { path, landlock, signals: landlock && signals, sockets } : undefined;
}

export const parentDeath = ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs', '--'] as const;

/** A network of its own, in which there is nothing: not even the loopback device is up. */
export const noNetwork = ['unshare', '--user', '--map-current-user', '--net', '--'] as const;

/** Without a PATH, as instances are started: what is found only by the user's own is not there for them. */
async function works([program = '', ...args]: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const child = spawn(program, args, { stdio: 'ignore', timeout: probeMs, killSignal: 'SIGKILL', env: {} });
  child.once('error', () => resolve(false));
  child.once('exit', (code) => resolve(code === 0));
  return await promise;
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
