/** Pilots whose gateway and agents are stand-ins: launcher, nats-server, files and processes are real. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { endPilot, isAlive, type LauncherRecord, listPilots, nodePaths, readLauncherRecord } from '#pilot';
import { eventually } from './eventually.ts';

export interface RunningUp {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** A home of its own; its end proves that neither process nor run directory of its pilots is left. */
export class TestHome {
  readonly path = mkdtempSync(join(tmpdir(), 'pilotfish-home-'));
  readonly #runDirectories = new Set<string>();

  /** Starts `up` as a process of its own, as a user would. */
  startUp(nodes: number, env: Record<string, string> = {}): RunningUp {
    const script = join(import.meta.dirname, 'stand-in-up.ts');
    const child = spawn(process.execPath, [script, this.path, String(nodes)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
      ([stdout, stderr, [code]]) => ({ code: code as number | null, stdout, stderr }),
    );
    return { child, ended };
  }

  async up(nodes: number): Promise<StandInPilot> {
    const { code, stdout, stderr } = await this.startUp(nodes).ended;
    if (code !== 0) throw new Error(`up ended with ${code}:\n${stderr}`);
    const { pilot, directory } = JSON.parse(stdout) as { pilot: string; directory: string };
    const started = new StandInPilot(pilot, directory);
    this.remember();
    return started;
  }

  /** Notes the run directories that there are now, so that the end can look for them. */
  remember(): void {
    for (const record of this.records()) this.#runDirectories.add(record.runDirectory);
  }

  /** Of all nodes of all pilots. */
  records(): LauncherRecord[] {
    return listPilots(this.path).flatMap(({ directory }) => recordsOf(directory));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.remember();
    const records = this.records();
    for (const { directory } of listPilots(this.path)) await endPilot(directory);
    this.proveNothingLeft(records);
    rmSync(this.path, { recursive: true });
  }

  /** Throws when anything of this home's pilots is left; `records` as they were before the end. */
  proveNothingLeft(records: readonly LauncherRecord[]): void {
    const living = records
      .flatMap(({ launcher, children, instances }) => [launcher, ...children, ...instances])
      .filter(isAlive);
    const files = [...this.#runDirectories].filter((path) => existsSync(path));
    const pilots = listPilots(this.path).map(({ directory }) => directory);
    const left = [...living.map(({ pid }) => `process ${pid}`), ...files, ...pilots, ...processesNaming(this.path)];
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }
}

export class StandInPilot {
  readonly id: string;
  readonly directory: string;

  constructor(id: string, directory: string) {
    this.id = id;
    this.directory = directory;
  }

  record(node: string): LauncherRecord {
    const record = readLauncherRecord(nodePaths(join(this.directory, 'nodes', node)).record);
    if (!record) throw new Error(`node ${node} has no record`);
    return record;
  }

  /** Waits for the child that took the place of the one with pid `before`. */
  successor(node: string, name: string, before: number): Promise<{ pid: number; startTicks: string }> {
    const find = () =>
      this.record(node).children.find((child) => child.name === name && child.pid !== before && isAlive(child));
    return eventually(find, { timeoutMs: 10_000, what: `a new ${name}` });
  }
}

export function recordsOf(pilotDirectory: string): LauncherRecord[] {
  const nodes = join(pilotDirectory, 'nodes');
  if (!existsSync(nodes)) return [];
  return readdirSync(nodes).flatMap((node) => readLauncherRecord(nodePaths(join(nodes, node)).record) ?? []);
}

/** What a TCP server says first. */
export async function firstBytes(address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const socket = createConnection(Number(address.slice(colon + 1)), address.slice(0, colon));
  try {
    const [data] = (await once(socket, 'data')) as [Buffer];
    return data.toString('utf8');
  } finally {
    socket.destroy();
  }
}

function processesNaming(path: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => cmdline(pid).includes(path))
    .map((pid) => `process ${pid}: ${cmdline(pid)}`);
}

function cmdline(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended while we looked.
    return '';
  }
}
