/** The agent's way to instances without an agent around it: spawner, pool and hosts as they are, and functions from strings. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#common';
import type { FunctionKind, LoadHeader } from '#frames';
import { type NodeIsolation, nodePlan, probeIsolation } from '#isolation';
import type { AgentConfig } from '#model';
import type { FunctionVersion } from '#proto';
import { createLogger } from '#telemetry';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { BodyFiles } from '../../platform/agent/instances/body-files.ts';
import { CodeCache } from '../../platform/agent/instances/code-cache.ts';
import { HostPool } from '../../platform/agent/instances/host-pool.ts';
import { type HostProcess, scratchOf } from '../../platform/agent/instances/host-process.ts';
import { Instance } from '../../platform/agent/instances/instance.ts';
import { SpawnerClient } from '../../platform/agent/instances/spawner-client.ts';

const dist = join(import.meta.dirname, '../../dist');
export const memoryBytes = 256 * 2 ** 20;
const timeoutMs = 30_000;

export interface HostedFunction {
  readonly name: string;
  readonly kind: FunctionKind;
  readonly artifact: string;
  readonly codeCache: string;
}

export interface LoadOptions {
  readonly concurrency?: number;
  readonly onLog?: (text: string) => void;
}

const ignore = () => undefined;

export class HostNode {
  readonly pool: HostPool;
  readonly #root: string;
  readonly #config: AgentConfig;
  readonly #spawner: SpawnerClient;

  private constructor(root: string, config: AgentConfig, spawner: SpawnerClient, isolation: NodeIsolation) {
    this.#root = root;
    this.#config = config;
    this.#spawner = spawner;
    this.pool = new HostPool({
      config,
      spawner,
      hostScript: join(dist, 'instance.cjs'),
      nodeBinary: process.execPath,
      isolation,
      environment: {},
      onProcess: () => undefined,
    });
  }

  static async start(): Promise<HostNode> {
    const root = mkdtempSync('/dev/shm/pilotfish-node-');
    for (const folder of ['artifacts', 'spool']) mkdirSync(join(root, folder), { mode: 0o700 });
    const claims = { directory: join(root, 'claims') };
    const config = { node: 'bench', runDirectory: root, nodeDirectory: root, claims } as unknown as AgentConfig;
    const logger = createLogger({ pilot: 'bench', node: 'bench', process: 'bench' });
    const socketPath = join(root, 'agent.sock');
    const options = { script: join(dist, 'spawner.mjs'), execPath: process.execPath, socketPath, logger };
    const isolation = await probeIsolation(join(dist, 'confine.pl'));
    return new HostNode(root, config, await SpawnerClient.start(options), isolation);
  }

  /** Writes the artifact as an agent would have fetched it; makes its code cache as at deploy. */
  async add(name: string, kind: FunctionKind, bytes: Uint8Array): Promise<HostedFunction> {
    const artifact = join(this.#root, 'artifacts', name);
    writeFileSync(artifact, bytes);
    const plain: HostedFunction = { name, kind, artifact, codeCache: '' };
    const cache = new CodeCache({
      artifactPath: () => artifact,
      fork: () => this.fork(),
      onTrouble: (_, error) => process.stderr.write(`${name}: ${error}\n`),
    });
    const version = { function: name, artifactDigest: name, artifactBytes: bytes.length } as unknown as FunctionVersion;
    await cache.prepare(version, this.#load('', plain));
    return { ...plain, codeCache: cache.pathOf(version) };
  }

  /** A host besides the pool. */
  fork(): HostProcess {
    return this.pool.startOwn((places) => nodePlan(places, memoryBytes));
  }

  /** Loads the function in the host; resolves when it is ready. */
  load(
    host: HostProcess,
    one: HostedFunction,
    { concurrency = 1, onLog = ignore }: LoadOptions = {},
  ): Promise<Instance> {
    const { promise, resolve, reject } = Promise.withResolvers<Instance>();
    const instance = new Instance({
      id: host.id,
      concurrency,
      memoryBytes,
      scratch: scratchOf(this.#root, host.id),
      clock: systemClock,
      pid: () => host.pid,
      kill: (signal) => host.kill(signal),
      bodies: new BodyFiles(scratchOf(this.#root, host.id)),
      events: {
        onReady: resolve,
        onRoom: () => undefined,
        onEnded: (_, reason) => reject(new Error(reason)),
        onLog: (_instance, _line, text) => onLog(text),
        onMetrics: () => undefined,
        onPublish: () => undefined,
        onState: async () => ({ revision: 0, error: 'no state here' }),
      },
    });
    host.adopt({
      connected: (socket, early) => instance.connect(socket, early, { ...this.#load(host.id, one), concurrency }),
      output: () => undefined,
      ended: (reason) => instance.processEnded(reason),
    });
    return promise;
  }

  async close(): Promise<void> {
    this.pool.close();
    await this.#spawner.close();
    rmSync(this.#root, { recursive: true, force: true });
  }

  #load(id: string, { name, kind, artifact, codeCache }: HostedFunction): LoadHeader {
    return {
      instance: id,
      node: this.#config.node,
      function: name,
      version: 1,
      digest: name,
      kind,
      artifact,
      files: {},
      codeCache,
      config: {},
      secrets: {},
      concurrency: 1,
      batch: { size: 1, waitMs: 0 },
      resultFolder: id === '' ? '' : scratchOf(this.#root, id),
      memoryBytes,
    };
  }
}

let calls = 0;

/** One call through the instance, from hand-over to outcome. */
export function call(instance: Instance, body: Uint8Array): Promise<CallOutcome> {
  const { promise, resolve } = Promise.withResolvers<CallOutcome>();
  const header = `{"s":"bench","i":"b${calls++}","q":1,"t":0,"a":1,"d":${timeoutMs}}`;
  instance.run({ header, body, timeoutMs, settle: resolve });
  return promise;
}
