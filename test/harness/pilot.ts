/** A real pilot for a test: brought up and ended by the CLI, in a home of its own; its end proves that nothing leaked. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { connectEvents, connectPilot, type EventClient, type PilotClient, type SourceOptions } from '#client';
import { type Connection, connectionSchema } from '#model';
import { eventually } from './eventually.ts';

export const cliScript = join(import.meta.dirname, '../../dist/cli.mjs');

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built CLI as a user would. */
export function runCli(
  args: readonly string[],
  env: Record<string, string> = {},
  input?: string | Buffer,
): Promise<CliResult> {
  const { promise, resolve } = Promise.withResolvers<CliResult>();
  const options = {
    env: { ...process.env, ...env },
    encoding: 'buffer' as const,
    maxBuffer: 64 * 2 ** 20,
    timeout: 120_000,
  };
  const child = execFile(process.execPath, [cliScript, ...args], options, (error, stdout, stderr) => {
    const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
    resolve({ code, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') });
  });
  child.stdin?.end(input ?? '');
  return promise;
}

export interface PilotOptions {
  readonly nodes?: number;
  readonly coresPerNode?: number;
  readonly brokers?: number;
  /** `--store-size`, for a pilot whose streams are to fill up. */
  readonly storeSize?: string;
  /** `--claims`, where it is not to be the shared folder. */
  readonly claims?: 'node' | 'stream';
  readonly walltime?: string;
  /** `--gpus-per-node`, whatever the machine has. */
  readonly gpusPerNode?: number;
  /** `--label`, of all nodes. */
  readonly label?: string;
  /** `--traces` */
  readonly traces?: string;
  /** `--trace-ratio` */
  readonly traceRatio?: number;
  /** A home that several pilots share; default is one of its own. */
  readonly home?: string;
}

interface ProcessRecord {
  readonly pid: number;
  readonly startTicks: string;
}

interface NodeRecord {
  readonly launcher: ProcessRecord;
  readonly runDirectory: string;
  readonly children: readonly (ProcessRecord & { readonly name: string })[];
  readonly instances: readonly ProcessRecord[];
}

export class TestPilot {
  readonly id: string;
  readonly home: string;
  readonly directory: string;
  readonly connection: Connection;
  readonly client: PilotClient;
  readonly #ownHome: boolean;

  private constructor(id: string, home: string, ownHome: boolean) {
    this.id = id;
    this.home = home;
    this.#ownHome = ownHome;
    this.directory = join(home, 'pilots', id);
    this.connection = connectionSchema.parse(JSON.parse(readFileSync(join(this.directory, 'connection.json'), 'utf8')));
    this.client = connectPilot(this.connection);
  }

  static async start(options: PilotOptions = {}): Promise<TestPilot> {
    const home = options.home ?? mkdtempSync(join(tmpdir(), 'pilotfish-test-'));
    const args = [
      'up',
      '--resource',
      'local://',
      '--nodes',
      String(options.nodes ?? 1),
      '--cores-per-node',
      String(options.coresPerNode ?? 2),
    ];
    if (options.brokers) args.push('--brokers', String(options.brokers));
    if (options.claims) args.push('--claims', options.claims);
    if (options.traces) args.push('--traces', options.traces);
    if (options.traceRatio) args.push('--trace-ratio', String(options.traceRatio));
    if (options.walltime) args.push('--walltime', options.walltime);
    if (options.gpusPerNode) args.push('--gpus-per-node', String(options.gpusPerNode));
    if (options.label) args.push('--label', options.label);
    if (options.storeSize) args.push('--store-size', options.storeSize);
    const up = await runCli(args, { PILOTFISH_HOME: home });
    if (up.code !== 0) throw new Error(`up failed with ${up.code}:\n${up.stderr}`);
    return new TestPilot(up.stdout.trim().split('\n').at(-1) ?? '', home, options.home === undefined);
  }

  cli(args: readonly string[], input?: string | Buffer): Promise<CliResult> {
    return runCli(args, { PILOTFISH_HOME: this.home, PILOTFISH_PILOT: this.id }, input);
  }

  /** For commands that go on until they are interrupted. */
  spawnCli(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    const env = { ...process.env, PILOTFISH_HOME: this.home, PILOTFISH_PILOT: this.id };
    return spawn(process.execPath, [cliScript, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  events(role: 'source' | 'viewer', options: SourceOptions = {}): Promise<EventClient> {
    return connectEvents(this.connection, role, options);
  }

  /** What a node's launcher has written down of its processes. */
  node(node: string): NodeRecord {
    return JSON.parse(readFileSync(join(this.directory, 'nodes', node, 'launcher.json'), 'utf8')) as NodeRecord;
  }

  /** Pid of a node's `agent`, `gateway` or `nats-server`. */
  pid(node: string, name: string): number {
    const child = this.node(node).children.find((candidate) => candidate.name === name);
    if (!child) throw new Error(`${node} has no ${name}: ${JSON.stringify(this.node(node).children)}`);
    return child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    const runDirectories = readdirSync(join(this.directory, 'nodes')).map((node) => this.node(node).runDirectory);
    const down = await this.cli(['down', this.id]);
    if (down.code !== 0) throw new Error(`down failed with ${down.code}:\n${down.stderr}`);
    await eventually(() => processesOf(this.directory).length === 0, {
      what: 'every process of the pilot is gone',
      timeoutMs: 5_000,
    });
    const left = [this.directory, ...runDirectories].filter((path) => existsSync(path));
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
    if (this.#ownHome) rmSync(this.home, { recursive: true, force: true });
  }
}

/** Pids of processes that name the directory in their command line. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory);
      } catch {
        // It ended while we looked.
        return false;
      }
    })
    .map(Number);
}
