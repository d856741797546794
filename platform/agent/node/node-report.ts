/** The node's state as the gateway sees it: at once, on change, and at least each half second. */
import { type Clock, platformVersion } from '#common';
import type {
  FunctionLoad,
  FunctionVersion,
  Instance as InstanceState,
  Node,
  ReportResponse,
  VersionCounts,
} from '#proto';
import type { Agent } from '../agent.ts';
import type { Instance } from '../instances/instance.ts';
import { NodeUsageMeter } from './node-usage.ts';

/** Changes within this long leave in one report. */
const gatherChangesMs = 25;
/** Where the gateway does not ask for fewer. */
const reportEveryMs = 500;
/** Functions' own metrics come no more often: each of their series is a line of names. */
const metricsEveryMs = 1_000;

export class NodeReports {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #usage = new NodeUsageMeter();

  constructor(agent: Agent, clock: Clock) {
    this.#agent = agent;
    this.#clock = clock;
    agent.onChange = () => {
      for (const wake of this.#listeners) wake();
    };
  }

  async *stream(signal: AbortSignal): AsyncGenerator<ReportResponse, void, void> {
    const readMetrics = this.#agent.metrics.reader();
    const readScans = this.#agent.scans.reader();
    let readAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = this.#clock.monotonic();
      const isDue = now - readAt >= metricsEveryMs;
      if (isDue) readAt = now;
      yield { ...this.current(), userMetrics: isDue ? readMetrics() : [], scans: isDue ? readScans() : [] };
      const change = Promise.withResolvers<void>();
      this.#listeners.add(change.resolve);
      await Promise.race([change.promise, this.#clock.sleep(this.#agent.reportEveryMs || reportEveryMs, signal)]);
      this.#listeners.delete(change.resolve);
      await this.#clock.sleep(gatherChangesMs, signal);
    }
  }

  current(): ReportResponse {
    const agent = this.#agent;
    return {
      node: this.#node(),
      epoch: agent.epoch,
      generation: agent.generation,
      loads: agent.pools().map((pool) => this.#load(pool)),
      userMetrics: [],
      scans: [],
    };
  }

  close(): void {
    this.#usage.close();
  }

  #node(): Node {
    const { config } = this.#agent;
    const { cpu, memory } = this.#usage.current();
    return {
      id: config.node,
      address: config.host,
      state: this.#agent.draining ? 'draining' : 'ready',
      slots: config.slots,
      slotsUsed: this.#agent.slotsUsed(),
      memoryBytes: config.memoryBytes,
      gpus: config.gpus ?? 0,
      labels: config.labels ?? {},
      cpuUsed: cpu,
      memoryUsed: memory,
      isolation: this.#agent.isolation(),
      version: platformVersion,
      instances: [
        ...this.#agent.instances().map(({ instance, pool }) => this.#instance(instance, pool.version, instance.phase)),
        ...this.#agent
          .spares()
          .map(({ instance, version }) =>
            this.#instance(instance, version, instance.phase === 'ready' ? 'spare' : instance.phase),
          ),
      ],
    };
  }

  #instance(instance: Instance, version: FunctionVersion, state: string): InstanceState {
    return {
      id: instance.id,
      function: version.function,
      digest: version.digest,
      node: this.#agent.config.node,
      pid: instance.pid,
      state,
      busy: instance.inFlight,
      startedAtMs: instance.startedAt,
      handled: instance.handled,
    };
  }

  #load(pool: ReturnType<Agent['pools']>[number]): FunctionLoad {
    return {
      function: pool.version.function,
      digest: pool.version.digest,
      inFlight: pool.inFlight,
      serviceMs: pool.eventMs,
      p99Ms: pool.times.p99(),
      startMs: pool.startMs,
      handled: pool.handled,
      failed: pool.failed,
      startError: pool.startError.split('\n')[0] ?? '',
      shards: this.#agent.find(pool.version.digest)?.shards ?? [],
      messageEvents: pool.messageEvents,
      turnedAway: pool.turnsAway,
      openKeys: this.#agent.gatherers.openKeys(pool.version.function),
      counts: this.#counts(pool),
    };
  }

  #counts({ counts, instances, times, version, pull }: ReturnType<Agent['pools']>[number]): VersionCounts {
    return {
      durations: counts.durations,
      started: counts.started(instances),
      startFailures: counts.startFailures,
      slotSeconds: counts.slotSeconds(instances, this.#clock.now()),
      busySeconds: counts.busySeconds,
      p50Ms: times.p50(),
      // A gather is its function's; the version that pulls shows it.
      gathers: pull ? this.#agent.gatherers.progress(version.function) : [],
    };
  }
}
