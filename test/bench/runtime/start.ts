/** From nothing to the first handled event: the pool against a bare Node process, and the other ways that there are. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bundleFunction, readProject } from '#bundle';
import { eventually } from '../../harness/eventually.ts';
import { call, type HostedFunction, HostNode, memoryBytes } from '../../harness/host-node.ts';
import { type BenchResult, compare } from '../report.ts';

/** 1 KB, as a function usually begins. */
const small = `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle: (event) => event.data });\n`;
/** 768 KB: three libraries that real functions bring. */
const typical = `import { defineFunction } from 'pilotfish/sdk';
import * as dates from 'date-fns';
import * as lodash from 'lodash-es';
import { z } from 'zod';
const schema = z.object({ name: z.string() });
const all = { ...dates, ...lodash };
export default defineFunction({ handle: (event) => (event.data.length < 0 ? Object.keys(all).length + String(schema) : event.data) });
`;
const wasm = `export function alloc(length: i32): usize { return heap.alloc(length); }
export function handle(pointer: usize, length: i32): u64 { return ((pointer as u64) << 32) | (length as u64); }
`;
const payload = Buffer.alloc(128, 1);

export async function benchStart(rounds: number): Promise<BenchResult[]> {
  const node = await HostNode.start();
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-bench-'));
  try {
    const functions = {
      small: await node.add('small', 'typescript', await artifactOf(folder, 'small.ts', small)),
      typical: await node.add('typical', 'typescript', await artifactOf(folder, 'typical.ts', typical)),
      wasm: await node.add('wasm', 'wasm', await artifactOf(folder, 'wasm.as.ts', wasm)),
    };
    const times: Record<string, number[]> = {};
    const note = async (name: string, run: () => Promise<number>) => {
      const samples = times[name] ?? [];
      times[name] = samples;
      samples.push(await run());
    };
    for (let round = 0; round <= rounds; round++) {
      await note('spawn', bareSpawn);
      for (const [name, one] of Object.entries(functions)) await note(name, () => fromPool(node, one));
      await note('fork', () => forked(folder));
      await note('worker', threaded);
      // The first round warms files and code up, for all alike.
      if (round === 0) for (const samples of Object.values(times)) samples.length = 0;
    }
    const of = (name: string) => times[name] ?? [];
    return [
      compare('pool-small-vs-spawn', 'ms', of('small'), of('spawn')),
      compare('pool-typical-vs-spawn', 'ms', of('typical'), of('spawn')),
      compare('pool-wasm-vs-spawn', 'ms', of('wasm'), of('spawn')),
      compare('child-process-fork-vs-spawn', 'ms', of('fork'), of('spawn')),
      compare('worker-thread-vs-spawn', 'ms', of('worker'), of('spawn')),
      await hostMemory(node),
      await manyInstances(node, functions.small),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await node.close();
  }
}

async function artifactOf(folder: string, name: string, source: string): Promise<Uint8Array> {
  const file = join(folder, name);
  writeFileSync(file, source);
  const require = createRequire(import.meta.url);
  // The libraries are this project's own: the function's folder has none.
  const modules = join(require.resolve('zod/package.json'), '../..');
  writeFileSync(
    file,
    source.replace(
      /from '(date-fns|lodash-es|zod)'/g,
      (_, name: string) => `from '${modules}/${name}/${entryOf(modules, name)}'`,
    ),
  );
  const [one] = readProject(file).functions;
  if (!one) throw new Error(`${name} is no function`);
  return (await bundleFunction(one)).artifact;
}

function entryOf(modules: string, name: string): string {
  const { module, main } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as {
    module?: string;
    main?: string;
  };
  return module ?? main ?? 'index.js';
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

function bareSpawn(): Promise<number> {
  return timed(async () => {
    await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  });
}

/** A host that has booted; its boot is not counted, as it is not while a pilot waits for events. */
async function fromPool(node: HostNode, one: HostedFunction): Promise<number> {
  const host = node.fork();
  await eventually(() => host.booted, { timeoutMs: 60_000, what: 'a host that waits' });
  let instance: Awaited<ReturnType<typeof node.load>> | undefined;
  const time = await timed(async () => {
    instance = await node.load(host, one);
    const { kind } = await call(instance, payload);
    if (kind !== 'result') throw new Error(`${one.name}: ${kind}`);
  });
  instance?.end('measured');
  return time;
}

async function forked(folder: string): Promise<number> {
  const script = join(folder, 'forked.cjs');
  writeFileSync(script, `process.on('message', (m) => process.send(m));`);
  const child = fork(script, { execPath: process.execPath, execArgv: [] });
  const time = await timed(async () => {
    child.send('hello');
    await once(child, 'message');
  });
  child.kill('SIGKILL');
  return time;
}

async function threaded(): Promise<number> {
  return timed(async () => {
    const thread = new Worker(
      `require('node:worker_threads').parentPort.once('message', function (m) { this.postMessage(m); })`,
      { eval: true },
    );
    thread.postMessage('hello');
    await once(thread, 'message');
    await thread.terminate();
  });
}

/** Memory that a waiting host has for itself, MB; the rest is shared with all other Node processes. */
async function hostMemory(node: HostNode): Promise<BenchResult> {
  node.pool.prepare(memoryBytes);
  const hosts = Array.from({ length: 5 }, () => node.fork());
  for (const host of hosts) await eventually(() => host.booted, { timeoutMs: 60_000, what: 'a host that waits' });
  const samples = hosts.map(({ pid }) => privateMegabytes(pid));
  for (const host of hosts) host.kill('SIGKILL');
  return compare('host-private-mb', 'MB', samples, [1]);
}

export function privateMegabytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
  return kilobytes / 1024;
}

const instancesMany = 200;

/** All at once: each until its function is ready, against as many bare processes until they have ended. */
async function manyInstances(node: HostNode, one: HostedFunction): Promise<BenchResult> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 2; round++) {
    const hosts: { kill: (signal: 'SIGKILL') => void }[] = [];
    ours.push(
      await timed(async () => {
        const started = Array.from({ length: instancesMany }, () => node.fork());
        hosts.push(...started);
        const instances = await Promise.all(started.map((host) => node.load(host, one)));
        await Promise.all(instances.map((instance) => call(instance, payload)));
      }),
    );
    for (const host of hosts) host.kill('SIGKILL');
    bare.push(await timed(async () => void (await Promise.all(Array.from({ length: instancesMany }, bareSpawn)))));
  }
  return compare('spawn200-vs-bare', 'ms', ours, bare);
}
