/** What an instance's process is started with, by the kind of its function. Pure. */
import { basename, join } from 'node:path';
import type { FunctionSpec, FunctionVersion, Permissions } from '#proto';
import { confiningWords } from './confine.ts';
import type { NodeIsolation } from './probe.ts';

export interface HostPlan {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Where it speaks frames. */
  readonly transport: 'fd3' | 'stdio';
}

export interface HostPlaces {
  readonly nodeBinary: string;
  /** Script of the instance host. */
  readonly hostScript: string;
  /** Where every instance may read: artifacts and spools. */
  readonly readable: readonly string[];
  /** The instance's own, and its working directory. */
  readonly scratch: string;
  readonly isolation: NodeIsolation;
  /** The agent's environment; nothing of it is handed on but what the manifest names, and the PATH of foreign programs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const mebibyte = 2 ** 20;

const noPermissions: Permissions = { net: false, read: [], write: [], env: [] };

/** True where the function needs a process started for it: its permissions and GPUs are fixed when a process starts. */
export function needsOwnHost({ kind, permissions, resources }: FunctionSpec): boolean {
  if (kind === 'process' || (resources?.gpus ?? 0) > 0) return true;
  const { net, read, write, env } = permissions ?? noPermissions;
  return net || read.length + write.length + env.length > 0;
}

/** Heap and permissions are fixed here; what else a function needs comes in the load frame. */
export function nodePlan(places: HostPlaces, memoryBytes: number, permissions = noPermissions): HostPlan {
  const { scratch, hostScript, readable, isolation } = places;
  const heapMiB = Math.max(32, Math.floor((0.75 * memoryBytes) / mebibyte));
  const reads = [hostScript, scratch, ...readable, ...permissions.read, ...permissions.write];
  const writes = [scratch, ...permissions.write];
  const words = [
    ...confiningWords(isolation, { memoryBytes, isNode: true, net: permissions.net, write: writes }),
    places.nodeBinary,
    `--max-old-space-size=${heapMiB}`,
    // Seven threads an instance are of no use to one that runs one call at a time.
    '--v8-pool-size=1',
    '--permission',
    ...reads.map((path) => `--allow-fs-read=${path}`),
    ...writes.map((path) => `--allow-fs-write=${path}`),
    hostScript,
  ];
  return {
    argv: words as [string, ...string[]],
    env: { ...baseEnvironment, ...granted(places, permissions) },
    transport: 'fd3',
  };
}

/** `folder` holds the version's files: words of the command that name one of them become its path. */
export function foreignPlan(places: HostPlaces, version: FunctionVersion, folder: string): HostPlan {
  const { spec, files } = version;
  const permissions = spec?.permissions ?? noPermissions;
  const known = new Set(files.map(({ path }) => path));
  const command = (spec?.command ?? []).map((word) => {
    const path = word.replace(/^\.\//, '');
    return known.has(path) ? join(folder, path) : word;
  });
  const memoryBytes = spec?.resources?.memoryBytes ?? 0;
  const write = [places.scratch, ...permissions.write];
  const words = [
    ...confiningWords(places.isolation, { memoryBytes, isNode: false, net: permissions.net, write }),
    ...command,
  ];
  const transport = spec?.transport === 'stdio' ? 'stdio' : 'fd3';
  return {
    argv: words as [string, ...string[]],
    transport,
    env: {
      ...baseEnvironment,
      PATH: places.environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
      HOME: places.scratch,
      TMPDIR: places.scratch,
      PILOTFISH_TRANSPORT: transport,
      // `import pilotfish` finds the helper, and modules beside the function's own file.
      PYTHONPATH: [folder, pythonFolder(places)].join(':'),
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
      ...granted(places, permissions),
    },
  };
}

/** Beside the host in a build, below the sources otherwise. */
function pythonFolder({ hostScript }: HostPlaces): string {
  return join(hostScript.slice(0, -basename(hostScript).length), 'python');
}

/** Memory of large payloads is kept for the next ones: to give it back and fault it in again costs thrice their copy. */
const mallocKeepsBytes = String(32 * mebibyte);

/** TZ spares a scan of the zone files, the thread pool is small. */
const baseEnvironment: Readonly<Record<string, string>> = {
  TZ: 'UTC',
  LANG: 'C.UTF-8',
  UV_THREADPOOL_SIZE: '2',
  MALLOC_MMAP_THRESHOLD_: mallocKeepsBytes,
  MALLOC_TRIM_THRESHOLD_: mallocKeepsBytes,
};

function granted({ environment }: HostPlaces, { env }: Permissions): Record<string, string> {
  return Object.fromEntries(
    env.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}
