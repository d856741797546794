/** A pilot in jobs of a test cluster, as its plain user has it: commands, functions, numbered events, and that nothing is left. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunOptions, TestCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import type { CliResult } from './pilot.ts';

export interface ListedNode {
  readonly id: string;
  readonly state: string;
  readonly address: string;
  readonly slots: number;
}

export interface ListedBlock {
  readonly block: string;
  readonly job: string;
  readonly nodes: readonly string[];
  readonly state: string;
  readonly reason: string;
}

export class ClusterPilot {
  readonly cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** Must end with 0. */
  async cli(args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
    const result = await this.cluster.cli(args, { timeoutMs: 400_000, ...options });
    expect(result, `${args.join(' ')}: ${result.stderr}`).toMatchObject({ code: 0 });
    return result;
  }

  async json(...args: string[]) {
    return JSON.parse((await this.cli([...args, '-o', 'json'])).stdout);
  }

  async up(...flags: string[]): Promise<string> {
    return (await this.cli(['up', '--resource', `${this.cluster.kind}://`, ...flags])).stdout.trim();
  }

  /** Those in this state. */
  async nodes(state = 'ready'): Promise<ListedNode[]> {
    const { items } = (await this.json('node', 'list')) as { items: ListedNode[] };
    return items.filter((node) => node.state === state);
  }

  async blocks(): Promise<ListedBlock[]> {
    return ((await this.json('pilot', 'info')) as { blocks: ListedBlock[] }).blocks;
  }

  /** The pilot's state as `pilot list` tells it. */
  async state(): Promise<string> {
    return ((await this.json('pilot', 'list')) as { items: { state: string }[] }).items[0]?.state ?? 'none';
  }

  /** Where the pilot's files lie, there being one pilot. */
  get directory(): string {
    const pilots = join(this.cluster.home, 'pilots');
    return join(pilots, readdirSync(pilots)[0] ?? '');
  }

  /** The machine under a node of the pilot: "n3", or undefined once it is not listed. */
  async hostOf(node: string): Promise<string | undefined> {
    const { items } = (await this.json('node', 'list')) as { items: ListedNode[] };
    const address = items.find(({ id }) => id === node)?.address;
    // Addresses of nodes begin at .11.
    return address && `n${Number(address.split(':')[0]?.split('.').at(-1)) - 10}`;
  }

  /** `NAME.*` in, `done.NAME.*` out. */
  async deploy(name: string, handler: string, settings: readonly string[] = []): Promise<void> {
    const folder = join(this.cluster.directory, 'functions', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `${name}.ts`),
      `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle: ${handler} });\n`,
    );
    const lines = [`entry: ${name}.ts`, `on: [{ subject: "${name}.*" }]`, `output: "done.${name}.{1}"`, ...settings];
    writeFileSync(
      join(folder, 'pilotfish.yaml'),
      `functions:\n  ${name}:\n${lines.map((line) => `    ${line}\n`).join('')}`,
    );
    await this.cli(['deploy', folder, '--skip-types']);
  }

  /** Resolves once all are stored; a broker that is away meanwhile is waited for. */
  publish(name: string, count: number, rate: number): Promise<CliResult> {
    return this.cli(['pub', `${name}.{n}`, '-d', '{n}', '--count', String(count), '--rate', `${rate}/s`]);
  }

  /** Waits for so many results, and holds that each is there once. */
  async expectDone(name: string, count: number): Promise<void> {
    const tail = await this.cli(['tail', `done.${name}.*`, '--from', 'all', '--count', String(count), '-o', 'name']);
    const subjects = tail.stdout.trim().split('\n');
    expect({ all: subjects.length, distinct: new Set(subjects).size }).toEqual({ all: count, distinct: count });
  }

  /** No process on any node, no job, no file of a pilot, no socket of a tunnel. */
  async nothingIsLeft(): Promise<void> {
    await eventually(
      async () => {
        const left = [
          ...this.cluster.userProcesses(),
          ...(await this.cluster.jobs()).map((id) => `job ${id}`),
          ...namesIn(join(this.cluster.home, 'pilots')),
          ...readdirSync(tmpdir()).filter((name) => name.startsWith('pilotfish-via-')),
        ];
        if (left.length > 0) throw new Error(left.join(', '));
        return true;
      },
      { timeoutMs: 60_000, what: 'nothing is left' },
    );
  }

  /** The node on which the acting gateway is, and its pid on this machine. */
  actingGateway(): { readonly node: string; readonly pid: number } {
    const { gateway } = JSON.parse(readFileSync(join(this.directory, 'connection.json'), 'utf8')) as {
      gateway: { address: string };
    };
    const brokers = join(this.directory, 'brokers');
    const records = readdirSync(brokers).map(
      (name) => JSON.parse(readFileSync(join(brokers, name), 'utf8')) as { node: string; gateway: string },
    );
    // Of a single one nobody must know the port beforehand.
    const record = records.find((each) => each.gateway === gateway.address) ?? records[0];
    const line = this.cluster.userProcesses().find((each) => each.includes(`/nodes/${record?.node}/gateway.json`));
    if (!record || !line) throw new Error(`no process is the gateway at ${gateway.address}`);
    return { node: record.node, pid: Number(line.split(' ')[0]) };
  }
}

/** None where a pilot has never been. */
function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
