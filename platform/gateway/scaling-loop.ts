/** Looks, decides, places, applies: again and again. The decisions are #autoscaler's and #placement's; here are their effects. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { decide, type ScaleMemory, type ScalePolicy } from '#autoscaler';
import { consumerName, readLag, streams } from '#broker';
import { type Clock, messageOf } from '#common';
import { callsAtOnce } from '#model';
import { place } from '#placement';
import type { FunctionLoad, FunctionVersion } from '#proto';
import type { Registry, TriggerStates, WantedByFunction, WantedStore } from '#registry';
import type { Logger } from '#telemetry';
import { CanaryWatch } from './canary-watch.ts';
import type { Fleet } from './fleet.ts';
import { triggerStream } from './trigger-stream.ts';
import { total, WantedSets } from './wanted-sets.ts';
import { besideStable, shareWithCanaries, type WantedCount, wantedVersions, wantsNothing } from './wanted-versions.ts';

export interface ScalingLoopOptions {
  readonly registry: Registry;
  readonly store: WantedStore;
  readonly triggerStates: TriggerStates;
  readonly fleet: Fleet;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the last gateway wanted. */
  readonly initial: WantedByFunction;
}

/** A round at least this often; a change on a node brings one sooner. */
const roundEveryMs = 250;
/** A new gateway waits this long for the nodes that the old one had before it moves anything. */
const settleMs = 3_000;

/** What the last round saw and wanted of a function, for `list` and `get`. */
export interface FunctionScale {
  readonly lag: number | undefined;
  readonly wanted: number;
  readonly reason: string;
}

export class ScalingLoop {
  readonly #options: ScalingLoopOptions;
  readonly #memories = new Map<string, ScaleMemory>();
  readonly #scales = new Map<string, FunctionScale>();
  readonly #stop = new AbortController();
  readonly #startedAt: number;
  readonly #callsWaiting = new Map<string, number>();
  /** Calls that had ended at the last round. */
  readonly #ended = new Map<string, number>();
  #wanted: WantedByFunction;
  readonly #sets: WantedSets;
  readonly #canaries: CanaryWatch;
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void>;

  constructor(options: ScalingLoopOptions) {
    this.#options = options;
    this.#wanted = options.initial;
    this.#sets = new WantedSets(options.clock, options.triggerStates);
    this.#canaries = new CanaryWatch(options);
    this.#startedAt = options.clock.monotonic();
    this.#loop = this.#run();
  }

  scaleOf(name: string): FunctionScale | undefined {
    return this.#scales.get(name);
  }

  /** Asks for a round now: something was deployed, or a node has changed. */
  hurry(): void {
    this.#wake.resolve();
  }

  /** Counts a call that found no instance and no free slot as work, until the returned function is called. */
  announceCall(name: string): () => void {
    const count = (difference: number) =>
      this.#callsWaiting.set(name, (this.#callsWaiting.get(name) ?? 0) + difference);
    count(1);
    this.hurry();
    return () => count(-1);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#round();
      } catch (error) {
        logger.error({ error: messageOf(error) }, 'scaling round failed');
      }
      await Promise.race([this.#wake.promise, clock.sleep(roundEveryMs, this.#stop.signal)]);
      this.#wake = Promise.withResolvers<void>();
      // Reports of a burst of changes are seen together.
      await clock.sleep(20, this.#stop.signal);
    }
  }

  async #round(): Promise<void> {
    await this.#canaries.look(this.#options.fleet.reports());
    const versions = wantedVersions(this.#options.registry);
    this.#forgetOthers(new Set(versions.map(({ version }) => version.function)));
    if (!this.#settled()) return this.#sets.state(this.#options.fleet.ready(), versions, this.#wanted);
    const loads = this.#loads();
    const decided = await Promise.all(
      versions
        .filter(({ pull }) => pull)
        .map(async ({ id, version }) => [id, await this.#decide(version, loads.get(version.digest) ?? [])] as const),
    );
    const counts = shareWithCanaries(versions, new Map(decided));
    const nodes = this.#options.fleet.placeable().map((link) => ({ id: link.entry.node, slots: link.entry.slots }));
    const placement = place(
      nodes,
      versions.map(({ id, version, pull }) => ({
        id,
        ...(counts.get(id) ?? wantsNothing),
        cpu: version.spec?.resources?.cpu ?? 1,
        current: pull
          ? this.#placedNow(version)
          : besideStable(this.#wanted.get(version.function), this.#wanted.get(id)),
      })),
    );
    this.#wanted = new Map([...placement.instances].map(([name, placed]) => [name, new Map(placed)]));
    this.#noteUnplaced(placement.unplaced);
    await this.#options.store.save(this.#wanted);
    this.#sets.state(this.#options.fleet.ready(), versions, this.#wanted);
  }

  /** Where its instances are meant to be; a sleeping function's first one is where an agent has woken it. */
  #placedNow(version: FunctionVersion): ReadonlyMap<string, number> {
    const wanted = this.#wanted.get(version.function);
    if (wanted && wanted.size > 0) return wanted;
    const woken = new Map<string, number>();
    for (const { node } of this.#options.fleet.reports()) {
      const active = node?.instances.filter(
        ({ digest, state }) => digest === version.digest && (state === 'starting' || state === 'ready'),
      );
      if (node && active && active.length > 0) woken.set(node.id, active.length);
    }
    return woken;
  }

  /** Until the old gateway's nodes are here, or have had their time, what it wanted stands. */
  #settled(): boolean {
    if (this.#options.clock.monotonic() - this.#startedAt > settleMs) return true;
    const here = new Set(this.#options.fleet.ready().map((link) => link.entry.node));
    for (const nodes of this.#options.initial.values())
      for (const node of nodes.keys()) if (!here.has(node)) return false;
    return here.size > 0;
  }

  /** True when calls have ended since the last round: short ones are never seen in flight. */
  #hasWorked(name: string, loads: readonly FunctionLoad[]): boolean {
    const ended = loads.reduce((sum, load) => sum + load.handled + load.failed, 0);
    const before = this.#ended.get(name) ?? 0;
    this.#ended.set(name, ended);
    return ended > before;
  }

  #forgetOthers(names: ReadonlySet<string>): void {
    for (const known of [this.#memories, this.#scales, this.#callsWaiting, this.#ended]) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    }
  }

  #loads(): Map<string, FunctionLoad[]> {
    const loads = new Map<string, FunctionLoad[]>();
    for (const report of this.#options.fleet.reports()) {
      for (const load of report.loads) loads.set(load.digest, [...(loads.get(load.digest) ?? []), load]);
    }
    return loads;
  }

  async #decide(version: FunctionVersion, loads: readonly FunctionLoad[]): Promise<WantedCount> {
    const { clock } = this.#options;
    const name = version.function;
    const current = total(this.#wanted.get(name));
    const lag = await this.#lag(version);
    const decision = decide(
      {
        now: clock.monotonic(),
        lag,
        openKeys: loads.reduce((sum, load) => sum + load.openKeys, 0),
        inFlight: Math.max(
          loads.reduce((sum, load) => sum + load.inFlight, this.#callsWaiting.get(name) ?? 0),
          this.#hasWorked(name, loads) ? 1 : 0,
        ),
        serviceMs: meanServiceMs(loads),
        concurrency: callsAtOnce(version.spec),
        current,
      },
      policyOf(version),
      this.#memories.get(name) ?? [],
    );
    this.#memories.set(name, decision.memory);
    if (decision.wanted !== current)
      this.#options.logger.info(
        { function: name, from: current, to: decision.wanted, reason: decision.reason },
        'scale',
      );
    this.#scales.set(name, {
      lag: lag && lag.pending + lag.ackPending,
      wanted: decision.wanted,
      reason: decision.reason,
    });
    return { wanted: decision.wanted, needed: decision.needed };
  }

  async #lag(version: FunctionVersion): Promise<{ pending: number; ackPending: number } | undefined> {
    const sum = { pending: 0, ackPending: 0 };
    for (const trigger of version.spec?.triggers ?? []) {
      // What a paused trigger keeps is no work.
      if (this.#options.triggerStates.get(version.function, trigger.name).pausedAtMs > 0) continue;
      const stream = triggerStream(trigger);
      const lag = await readLag(this.#options.manager, stream, consumerName(version.function, trigger.name));
      if (!lag) return undefined;
      const retries = await readLag(
        this.#options.manager,
        streams.retries,
        consumerName(version.function, trigger.name),
      );
      if (!retries) return undefined;
      // Retries that wait for their time are no work yet (design, "Parking"): only those that nobody has looked at count.
      sum.pending += lag.pending + retries.pending;
      sum.ackPending += lag.ackPending;
    }
    return sum;
  }

  #noteUnplaced(unplaced: ReadonlyMap<string, number>): void {
    for (const [name, count] of unplaced) {
      const scale = this.#scales.get(name);
      if (scale) this.#scales.set(name, { ...scale, reason: `${scale.reason}; ${count} held back, no node has room` });
    }
  }
}

function policyOf(version: FunctionVersion): ScalePolicy {
  const scale = version.spec?.scale;
  return {
    min: scale?.min ?? 0,
    max: scale?.max ?? 1,
    drainTargetMs: scale?.drainTargetMs ?? 10_000,
    cooldownMs: scale?.cooldownMs ?? 30_000,
  };
}

/** Weighted by what each node has handled: an idle node's old figure says little. */
function meanServiceMs(loads: readonly FunctionLoad[]): number | undefined {
  let weight = 0;
  let sum = 0;
  for (const load of loads) {
    if (load.serviceMs === 0) continue;
    const handled = 1 + Math.min(load.handled, 1_000);
    weight += handled;
    sum += handled * load.serviceMs;
  }
  return weight === 0 ? undefined : sum / weight;
}
