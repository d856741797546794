/**
 * A real Slurm or Grid Engine of several nodes for one test file, with an installed copy of Pilotfish that a plain user
 * runs from the login node. Each file has a cluster of its own; what a killed run has left is taken down first.
 */
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliResult } from './pilot.ts';

const root = join(import.meta.dirname, '../..');
const scripts = join(import.meta.dirname, 'cluster');
const prefix = 'pilotfish-cluster-';

/** Why these tests cannot run here; empty where they can. In CI they must run, so there nothing is skipped but for want of root. */
export const clusterMissing = missing();

function missing(): string {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  if (!existsSync('/etc/debian_version')) return 'needs Debian, whose Slurm and Grid Engine are installed';
  return '';
}

export interface ClusterOptions {
  readonly kind: 'slurm' | 'sge';
  readonly nodes: number;
  /** Knobs of the scripts. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class TestCluster {
  readonly directory: string;
  readonly user: string;
  /** PILOTFISH_HOME of the user, on the shared file system. */
  readonly home: string;
  readonly #kind: ClusterOptions['kind'];
  readonly #settings: Record<string, string>;
  #env: Record<string, string> = {};

  private constructor({ kind, settings }: ClusterOptions) {
    const id = String(process.pid);
    this.#kind = kind;
    this.directory = join(tmpdir(), `${prefix}${kind}-${id}`);
    this.user = `pf${kind}${id}`;
    this.home = join(this.directory, 'home', this.user, 'pilotfish');
    // Two clusters in one process differ in the kind; /24s of processes that run at the same time differ in the pid.
    const net = `10.${kind === 'slurm' ? 213 : 214}.${process.pid % 250}`;
    this.#settings = {
      PILOT_DIR: this.directory,
      PILOT_NET: net,
      PILOT_IF: `pf${kind[1]}${process.pid % 10_000_000}`,
      PILOT_USER: this.user,
      ...settings,
    };
  }

  static async start(options: ClusterOptions): Promise<TestCluster> {
    takeDownLeftOvers();
    const cluster = new TestCluster(options);
    const printed = await cluster.script(`${options.kind}-up.sh`, [String(options.nodes)]);
    for (const [, name = '', value = ''] of printed.matchAll(/(\w+)=(\S+)/g))
      cluster.#env[name] = value.replace(/:\$PATH$/, `:${process.env['PATH']}`);
    if (options.kind === 'sge') Object.assign(cluster.#env, sgeEnvironment);
    cluster.#install();
    return cluster;
  }

  /** Address of the machine's own end of the wire. */
  get loginAddress(): string {
    return `${this.#settings['PILOT_NET']}.1`;
  }

  /** The scheduler's own view of the world, for commands run as root. */
  get env(): Record<string, string> {
    return { ...this.#env, PILOT_NET: this.#settings['PILOT_NET'] ?? '' };
  }

  /** `pilotfish ...` as the plain user, on the login node. */
  async cli(args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
    return await this.asUser([join(this.directory, 'pilotfish/bin/pilotfish'), ...args], options);
  }

  async asUser(argv: readonly string[], options: RunOptions = {}): Promise<CliResult> {
    return await run([...this.#becomeUser(), ...argv], {
      ...options,
      env: {
        ...(this.#kind === 'sge' ? this.#settings : {}),
        PATH: this.#env['PATH'] ?? process.env['PATH'] ?? '',
        LANG: 'C.UTF-8',
        HOME: join(this.directory, 'home', this.user),
        USER: this.user,
        PILOTFISH_HOME: this.home,
        ...this.#env,
        ...options.env,
      },
      cwd: join(this.directory, 'home', this.user),
    });
  }

  /** Slurm's commands run here; Grid Engine trusts host names, which only its own nodes know, so its login node is the controller. */
  #becomeUser(): string[] {
    const [, gid = '0'] = this.#ids();
    if (this.#kind === 'sge') return [join(scripts, 'slurm-node.sh'), 'exec', '-u', this.user, 'ctl'];
    return ['setpriv', `--reuid=${this.user}`, `--regid=${gid}`, '--init-groups'];
  }

  /** Starts a long command as the user; killed with the signal. */
  startAsUser(argv: readonly string[], options: RunOptions = {}): Promise<CliResult> {
    return this.asUser(argv, { timeoutMs: 600_000, ...options });
  }

  get kind(): ClusterOptions['kind'] {
    return this.#kind;
  }

  /** Ids of jobs that the scheduler shows, whoever's they are. */
  async jobs(state: 'running' | 'queued' | 'any' = 'any'): Promise<string[]> {
    const words = { running: ['R', 'r'], queued: ['PD', 'p'], any: [] }[state];
    const slurm = ['squeue', '--noheader', '--format=%i', ...words.slice(0, 1).map((word) => `--states=${word}`)];
    const sge = ['qstat', '-u', '*', ...words.slice(1).flatMap((word) => ['-s', word])];
    const { stdout } = await this.asUser(this.#kind === 'slurm' ? slurm : sge);
    // Grid Engine's table has a head.
    return stdout.split('\n').flatMap((line) => /^\s*(\d+)/.exec(line)?.[1] ?? []);
  }

  /** A command as root in this machine's own namespaces, with the scheduler's settings. */
  async asRoot(argv: readonly string[]): Promise<CliResult> {
    return await run(argv, { env: { ...(process.env as Record<string, string>), ...this.#env } });
  }

  /** `slurm-node.sh ...`: crash, boot, exec, kill-ctld. */
  async node(...args: string[]): Promise<string> {
    return await this.script('slurm-node.sh', args);
  }

  /** `net-fault.sh ...`: cut, heal, rate. */
  async wire(...args: string[]): Promise<string> {
    return await this.script('net-fault.sh', args);
  }

  /** A real sshd on these nodes, for the user alone. */
  async sshd(...nodes: string[]): Promise<void> {
    await this.script('ssh-up.sh', nodes);
  }

  async script(name: string, args: readonly string[]): Promise<string> {
    const env = { ...(process.env as Record<string, string>), ...this.#settings };
    const { code, stdout, stderr } = await run([join(scripts, name), ...args], { env, timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`${name} ${args.join(' ')} failed with ${code}:\n${stderr}`);
    return stdout;
  }

  /** Command lines of the user's processes on all nodes: what a pilot has left is among them. */
  userProcesses(): string[] {
    const [uid] = this.#ids();
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const owner = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
          const argv = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
          return owner === uid && argv !== '' ? [`${pid} ${argv}`] : [];
        } catch {
          // It ended while we looked.
          return [];
        }
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [uid] = this.#ids();
    // Copies of Node on nodes that lost their power: a real node's disk is cleaned by its site.
    for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(`pilotfish-node-${uid}-`)))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    await this.script(`${this.#kind}-down.sh`, ['--quiet']);
  }

  #ids(): [string, string] {
    const [uid = '', gid = ''] = execFileSync('getent', ['passwd', this.user], { encoding: 'utf8' })
      .split(':')
      .slice(2);
    return [uid, gid];
  }

  /** What deploy/install.sh lays out, without the tarball and the compiler that these tests do not need. */
  #install(): void {
    const to = join(this.directory, 'pilotfish');
    mkdirSync(join(to, 'bin'), { recursive: true });
    cpSync(join(root, 'dist'), join(to, 'dist'), {
      recursive: true,
      filter: (path) => !/\/dist\/(?:node|stamps|tools\.json|\.[^/]*)(?:\/|$)/.test(path),
    });
    cpSync(join(root, 'functions'), join(to, 'functions'), { recursive: true });
    for (const path of runTimePackages())
      cpSync(join(root, path), join(to, path), { recursive: true, dereference: true });
    const tools = JSON.parse(readFileSync(join(root, 'dist/tools.json'), 'utf8')) as Record<string, string>;
    for (const [name, from] of [
      ['node', tools['node'] ?? process.execPath],
      ['nats-server', tools['natsServer'] ?? ''],
      ['pilotfish', join(root, 'deploy/launch.sh')],
    ] as const) {
      copyFileSync(realpathSync(from), join(to, 'bin', name));
      chmodSync(join(to, 'bin', name), 0o755);
    }
    execFileSync('chmod', ['-R', 'a+rX', to]);
  }
}

/** As a site's login shell has it; the ports are those of sge-up.sh. */
const sgePrograms = '/usr/lib/gridengine';
const sgeEnvironment: Readonly<Record<string, string>> = {
  PATH: [sgePrograms, '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
  LD_LIBRARY_PATH: sgePrograms,
  SGE_ARCH: 'lx-amd64',
  SGE_QMASTER_PORT: '6444',
  SGE_EXECD_PORT: '6445',
};

/** What the example functions import and the bundler is: without the compiler of WASM and Node itself, which are large. */
function runTimePackages(): string[] {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => path.startsWith(`${root}/node_modules/`) && !/\/(?:binaryen|node-linux-\w+)$/.test(path))
    .map((path) => path.slice(root.length + 1));
}

/** Clusters of test processes that were killed. */
function takeDownLeftOvers(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const [, kind = '', pid = ''] = /-(slurm|sge)-(\d+)$/.exec(name) ?? [];
    if (kind === '' || existsSync(`/proc/${pid}`)) continue;
    const env = {
      ...process.env,
      PILOT_DIR: join(tmpdir(), name),
      PILOT_NET: `10.${kind === 'slurm' ? 213 : 214}.${Number(pid) % 250}`,
      PILOT_IF: `pf${kind[1]}${Number(pid) % 10_000_000}`,
      PILOT_USER: `pf${kind}${pid}`,
    };
    execFileSync(join(scripts, `${kind}-down.sh`), ['--quiet'], { env, stdio: 'ignore' });
  }
}

async function run(
  argv: readonly string[],
  options: RunOptions & { readonly env: Record<string, string>; readonly cwd?: string },
): Promise<CliResult> {
  const { promise, resolve } = Promise.withResolvers<CliResult>();
  const [program = '', ...args] = argv;
  const { env, cwd, signal, timeoutMs } = options;
  const limits = { maxBuffer: 64 * 2 ** 20, timeout: timeoutMs ?? 120_000 };
  const child = execFile(program, args, { env, cwd, signal, ...limits }, (error, stdout, stderr) => {
    const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
    resolve({ code, stdout, stderr: error && stderr === '' ? error.message : stderr });
  });
  child.stdin?.end();
  return promise;
}
