/** The command line and environment that an instance starts with. Pure. */

export interface InstanceCommandOptions {
  readonly node: string;
  /** Script of the instance host. */
  readonly host: string;
  readonly memoryBytes: number;
  /** Where it may read: artifacts and spools; its scratch directory besides. */
  readonly readable: readonly string[];
  readonly scratch: string;
  /** Words in front, "setpriv --pdeathsig KILL ..." where the node has it. */
  readonly prefix: readonly string[];
}

const mebibyte = 2 ** 20;

/** Fixed at the start of a process: heap, permissions. What else a function needs comes in the load frame. */
export function instanceCommand(options: InstanceCommandOptions): [string, ...string[]] {
  const heapMiB = Math.max(32, Math.floor((0.75 * options.memoryBytes) / mebibyte));
  const reads = [options.host, options.scratch, ...options.readable].map((path) => `--allow-fs-read=${path}`);
  const command: [string, ...string[]] = [
    options.node,
    `--max-old-space-size=${heapMiB}`,
    // Seven threads an instance are of no use to one that runs one call at a time.
    '--v8-pool-size=1',
    '--permission',
    ...reads,
    `--allow-fs-write=${options.scratch}`,
    options.host,
  ];
  return options.prefix.length === 0 ? command : ([...options.prefix, ...command] as [string, ...string[]]);
}

/** Nothing of the agent's environment: TZ spares a scan of the zone files, the thread pool is small. */
export const instanceEnvironment: Record<string, string> = { TZ: 'UTC', LANG: 'C.UTF-8', UV_THREADPOOL_SIZE: '2' };

/** util-linux's setpriv: dies with its parent, and gains no privileges. */
export const confiningPrefix = ['setpriv', '--pdeathsig', 'KILL', '--no-new-privs', '--'] as const;
