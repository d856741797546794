/**
 * An agent without instances behind it: the real gRPC service with its own certificate, which takes wanted sets and reports
 * as a busy agent does, instance by instance, with counters that grow.
 */
import { platformVersion } from '#common';
import { durationBoundsMs } from '#model';
import {
  type AgentServer,
  AgentService,
  type ApplyRequest,
  type FunctionLoad,
  type FunctionVersion,
  type Instance,
  ReportResponse,
} from '#proto';
import { nodesKeepalive, type RpcServer, serverStream, startRpcServer, type TlsIdentity, unary } from '#rpc';

/** As `platform/agent/node/node-report.ts` has it. */
const gatherChangesMs = 25;
const reportEveryMs = 500;
/** A start from a waiting host. */
const startMs = 40;
/** Calls a second of one instance. */
const callsPerSecond = 20;

interface Hosted {
  readonly version: FunctionVersion;
  wanted: number;
  readonly since: number;
}

export class SimAgent {
  readonly node: string;
  readonly startedAt = Date.now();
  epoch = 0;
  generation = 0;
  /** As the gateway asks. */
  reportEveryMs = 0;
  /** By how many instances of which function a set differs from the one before. */
  readonly onApplied: (changes: ReadonlyMap<string, number>) => void;
  #server: RpcServer | undefined;
  readonly #hosted = new Map<string, Hosted>();
  #instances: Instance[] = [];
  #number = 0;
  #openStreams = 0;
  /** Claims to be done with sets and runs nothing. */
  readonly #lies: boolean;
  readonly #wakes = new Set<() => void>();

  constructor(node: string, onApplied: (changes: ReadonlyMap<string, number>) => void, lies = false) {
    this.node = node;
    this.onApplied = onApplied;
    this.#lies = lies;
  }

  async start(tls: TlsIdentity): Promise<string> {
    const implementation: Pick<AgentServer, 'apply' | 'report' | 'drain'> = {
      apply: unary((request: ApplyRequest) => {
        this.#apply(request);
        return { generation: this.generation };
      }),
      report: serverStream((_request: unknown, { signal }) => this.#reports(signal)),
      drain: unary(() => ({ killed: 0 })),
    };
    const services = [[AgentService, implementation]] as const;
    this.#server = await startRpcServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      services,
      reflection: false,
      keepalive: nodesKeepalive,
    });
    return this.#server.address;
  }

  get followed(): boolean {
    return this.#openStreams > 0;
  }

  async close(): Promise<void> {
    await this.#server?.close(0);
  }

  #apply(request: ApplyRequest): void {
    if (request.epoch < this.epoch) throw new Error(`epoch ${request.epoch} is over`);
    if (request.epoch === this.epoch && request.generation < this.generation) return;
    this.epoch = request.epoch;
    this.generation = request.generation;
    this.reportEveryMs = request.reportEveryMs;
    const told = new Set<string>();
    const changes = new Map<string, number>();
    const change = (name: string, by: number) => changes.set(name, (changes.get(name) ?? 0) + by);
    for (const { version, instances } of request.functions) {
      if (!version) continue;
      told.add(version.digest);
      const hosted = this.#hosted.get(version.digest) ?? { version, wanted: 0, since: Date.now() };
      change(version.function, instances - hosted.wanted);
      hosted.wanted = instances;
      this.#hosted.set(version.digest, hosted);
      if (!this.#lies) this.#reconcile(version, instances);
    }
    for (const [digest, { version, wanted }] of this.#hosted) {
      if (told.has(digest)) continue;
      change(version.function, -wanted);
      this.#reconcile(version, 0);
      this.#hosted.delete(digest);
    }
    this.#changed();
    this.onApplied(changes);
  }

  #reconcile(version: FunctionVersion, wanted: number): void {
    const own = this.#instances.filter(({ digest }) => digest === version.digest);
    for (const surplus of own.slice(wanted)) this.#instances = this.#instances.filter((one) => one !== surplus);
    for (let missing = wanted - own.length; missing > 0; missing--) {
      const instance: Instance = {
        id: `${this.node}-${version.function}-${++this.#number}`,
        function: version.function,
        digest: version.digest,
        node: this.node,
        pid: 10_000 + this.#number,
        state: 'starting',
        busy: 0,
        startedAtMs: Date.now(),
        handled: 0,
      };
      this.#instances.push(instance);
      setTimeout(() => {
        instance.state = 'ready';
        this.#changed();
      }, startMs);
    }
  }

  #changed(): void {
    for (const wake of this.#wakes) wake();
  }

  async *#reports(signal: AbortSignal): AsyncGenerator<ReportResponse, void, void> {
    this.#openStreams++;
    try {
      while (!signal.aborted) {
        yield this.#report();
        await this.#change(this.reportEveryMs || reportEveryMs, signal);
        await new Promise((resolve) => setTimeout(resolve, gatherChangesMs));
      }
    } finally {
      this.#openStreams--;
    }
  }

  async #change(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#wakes.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.#wakes.delete(resolve);
  }

  #report(): ReportResponse {
    const now = Date.now();
    const instances = this.#instances.map((instance) => ({
      ...instance,
      busy: instance.state === 'ready' ? 1 : 0,
      handled: Math.floor(((now - instance.startedAtMs) * callsPerSecond) / 1_000),
    }));
    return ReportResponse.fromPartial({
      node: {
        id: this.node,
        address: '127.0.0.1',
        state: 'ready',
        slots: 16,
        slotsUsed: instances.length,
        memoryBytes: 64 * 2 ** 30,
        cpuUsed: 0.6 + (this.#number % 5) / 50,
        memoryUsed: 0.3,
        instances,
        version: platformVersion,
        isolation: {
          tier: 'namespaces',
          enforced: ['memory', 'network', 'files', 'processes'],
          notEnforced: ['cpu'],
        },
      },
      epoch: this.epoch,
      generation: this.generation,
      loads: [...this.#hosted.values()].map((hosted) => this.#load(hosted, now)),
    });
  }

  /** As `platform/agent/node/node-report.ts` has it, counts and durations, too. */
  #load({ version, wanted, since }: Hosted, now: number): FunctionLoad {
    const seconds = (wanted * (now - since)) / 1_000;
    const handled = Math.floor(seconds * callsPerSecond);
    return {
      function: version.function,
      digest: version.digest,
      inFlight: wanted,
      serviceMs: 48 + (this.#number % 5),
      p99Ms: 90,
      startMs,
      handled,
      failed: 0,
      startError: '',
      shards: [],
      messageEvents: 1,
      turnedAway: false,
      openKeys: 0,
      counts: {
        durations: {
          counts: durationBoundsMs.map((bound) => (bound === 50 ? handled : 0)),
          sumMs: handled * 48,
        },
        started: wanted,
        startFailures: 0,
        slotSeconds: seconds,
        busySeconds: 0.96 * seconds,
        p50Ms: 48,
        gathers: [],
      },
    };
  }
}
