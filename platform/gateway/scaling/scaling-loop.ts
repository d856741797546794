/**
 * Looks, decides, places, applies: again and again. The decisions are #autoscaler's and #placement's; here are their effects.
 *
 *   lag-reader.ts, function-load.ts, call-counts.ts  what is seen        scale-policy.ts   what holds
 *   function-scales.ts  one function's decision                          node-trust.ts     which nodes do what they are told
 *   wanted-sets.ts      what each node is told                           decision-log.ts   what was decided, decision-keeper.ts keeps it
 *   local-data.ts       where what waits lies
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { nodeMost, Turns } from '#autoscaler';
import { type Clock, messageOf } from '#common';
import { type PlacedRound, type PlacementDemand, place } from '#placement';
import type { FunctionVersion, ReportResponse } from '#proto';
import type { Registry, ScaleStore, TriggerStates, WantedByFunction, WantedStore } from '#registry';
import { drainMarginMs, neededMs } from '#routing';
import type { Logger } from '#telemetry';
import type { ClaimKeeper } from '../claims/claim-keeper.ts';
import type { Fleet } from '../nodes/fleet.ts';
import { whatSays } from '../nodes/node-says.ts';
import { type TrustMemory, watchNodes } from '../nodes/node-trust.ts';
import { nodesFor } from '../nodes/placement-nodes.ts';
import { CallCounts } from './call-counts.ts';
import { CanaryWatch } from './canary-watch.ts';
import type { DecisionLog } from './decision-log.ts';
import { atOnceOf, type VersionLoad, versionLoads } from './function-load.ts';
import { type FunctionScale, FunctionScales } from './function-scales.ts';
import { WantedSets } from './wanted-sets.ts';
import {
  shareWithCanaries,
  type WantedCount,
  type WantedVersion,
  wantedVersions,
  wantsNothing,
} from './wanted-versions.ts';

export interface ScalingLoopOptions {
  readonly registry: Registry;
  readonly store: WantedStore;
  readonly scales: ScaleStore;
  readonly triggerStates: TriggerStates;
  readonly fleet: Fleet;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly logger: Logger;
  /** With what gateways before have decided. */
  readonly decisions: DecisionLog;
  /** What the last gateway wanted. */
  readonly initial: WantedByFunction;
  /** Says on which nodes the payloads lie that a function waits for. */
  readonly claims: Pick<ClaimKeeper, 'waitingOn'>;
  /** Nodes that the pilot may have; 0 where it stays as it is. */
  readonly nodesMax: number;
}

/** A round at least this often; a change on a node brings one sooner. */
const roundEveryMs = 250;
/** Of a large pilot a round costs more: the loop rests this multiple of what it had to do, so that it takes 5 % of a core at most. */
const restFactor = 18;
/** On a machine where everything is slow, wanted sets are to be stated within 2 s of a change all the same. */
const restMaxMs = 1_000;
/** Reports of a burst of changes are seen together. */
const gatherChangesMs = 20;
/** A new gateway waits this long for the nodes that the old one had before it moves anything. */
const settleMs = 3_000;

export class ScalingLoop {
  readonly decisions: DecisionLog;
  readonly #options: ScalingLoopOptions;
  readonly #calls = new CallCounts();
  readonly #functions: FunctionScales;
  readonly #stop = new AbortController();
  readonly #startedAt: number;
  #wanted: WantedByFunction;
  #trust: TrustMemory = new Map();
  readonly #sets: WantedSets;
  readonly #canaries: CanaryWatch;
  readonly #turns = new Turns();
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void>;
  /** How long the last round took, and how much of that it waited for the broker to say what waits. */
  roundMs = 0;
  #waitedMs = 0;
  /** What the last round was told, and found no room for. */
  placed: PlacedRound | undefined;

  constructor(options: ScalingLoopOptions) {
    this.#options = options;
    this.decisions = options.decisions;
    this.#wanted = options.initial;
    this.#functions = new FunctionScales({ ...options, calls: this.#calls, nodes: () => this.#nodes });
    this.#sets = new WantedSets(options.clock, options.triggerStates);
    this.#canaries = new CanaryWatch(options);
    this.#startedAt = options.clock.monotonic();
    this.#loop = this.#run();
  }

  scaleOf(name: string): FunctionScale | undefined {
    return this.#functions.get(name);
  }

  drainMsOf(name: string): number | undefined {
    return this.#functions.drainMsOf(name);
  }

  get #nodes(): number {
    return Math.max(this.#options.nodesMax, this.#options.fleet.placeable().length);
  }

  /** On which nodes the payloads lie that it waits for. */
  localOf(name: string): ReadonlyMap<string, number> {
    return this.#options.claims.waitingOn(this.#functions.get(name)?.waiting ?? []);
  }

  /** Asks for a round now: something was deployed, or a node has changed. */
  hurry(): void {
    this.#wake.resolve();
  }

  /** Counts a call as work until the returned function is called. */
  beginCall(name: string): () => void {
    return this.#calls.begin(name);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      const begun = clock.monotonic();
      this.#waitedMs = 0;
      try {
        await this.#round();
      } catch (error) {
        logger.error({ error: messageOf(error) }, 'scaling round failed');
      }
      this.roundMs = clock.monotonic() - begun;
      const rested = clock.sleep(restMs(this.roundMs - this.#waitedMs), this.#stop.signal);
      await Promise.race([this.#wake.promise, clock.sleep(roundEveryMs, this.#stop.signal)]);
      await Promise.all([rested, clock.sleep(gatherChangesMs, this.#stop.signal)]);
      this.#wake = Promise.withResolvers<void>();
    }
  }

  async #round(): Promise<void> {
    const { fleet, registry, clock } = this.#options;
    await this.#canaries.look(fleet.reports());
    const versions = wantedVersions(registry);
    this.#functions.forgetOthers(new Set(versions.map(({ version }) => version.function)));
    if (!this.#settled()) return this.#sets.state(fleet.ready(), versions, this.#wanted);
    const latest = versions.filter(({ pull }) => pull).map(({ version }) => version);
    const begun = clock.monotonic();
    const lags = await this.#functions.readLags(latest);
    this.#waitedMs = clock.monotonic() - begun;
    const reports = fleet.reports();
    const loads = versionLoads(reports);
    const decided = this.#functions.decide(latest, lags, loads, this.#wanted);
    const counts = shareWithCanaries(versions, decided);
    this.#trust = watchNodes(this.#trust, clock.monotonic(), fleet.ready(), this.#wanted);
    const nodes = nodesFor(fleet.placeable(), this.#trust, clock);
    const demands = versions.map((version) => this.#demand(version, counts, loads, reports));
    const placement = place(nodes, demands);
    this.placed = { nodes, demands, unplaced: placement.unplaced };
    this.#wanted = placement.instances;
    this.#turns.saw(
      new Map(demands.flatMap(({ id, needed }) => (needed > 0 ? [[id, (this.#wanted.get(id)?.size ?? 0) > 0]] : []))),
      clock.monotonic(),
    );
    this.#functions.noteUnplaced(placement.unplaced);
    await this.#options.store.save(this.#wanted);
    this.#sets.state(fleet.ready(), versions, this.#wanted);
  }

  #demand(
    { id, version, pull }: WantedVersion,
    counts: ReadonlyMap<string, WantedCount>,
    loads: ReadonlyMap<string, VersionLoad>,
    reports: readonly ReportResponse[],
  ): PlacementDemand {
    const { resources, placement, timeoutMs = 0 } = version.spec ?? {};
    const load = loads.get(version.digest);
    const policy = this.#functions.policyOf(version);
    const count = counts.get(id) ?? wantsNothing;
    return {
      id,
      ...count,
      nodeMost: nodeMost(atOnceOf(version, load, this.#nodes), { wanted: count.wanted, min: policy.min }),
      cpu: resources?.cpu || 1,
      memoryBytes: resources?.memoryBytes ?? 0,
      gpus: resources?.gpus ?? 0,
      labels: placement?.labels ?? {},
      strategy: placement?.strategy === 'pack' ? 'pack' : 'spread',
      weight: policy.weight,
      turn: this.#turns.rankOf(id, this.#options.clock.monotonic()),
      guaranteed: pull ? policy.min : 0,
      needMs: neededMs({ timeoutMs, samples: load?.samples ?? 0, p99Ms: load?.p99Ms ?? 0 }) + drainMarginMs,
      beside: pull ? undefined : version.function,
      warm: load?.warm,
      local: this.localOf(version.function),
      current: pull ? this.#placedNow(version, reports) : (this.#wanted.get(id) ?? new Map()),
    };
  }

  /** Where its instances are meant to be; a sleeping function's first one is where an agent has woken it. */
  #placedNow(version: FunctionVersion, reports: readonly ReportResponse[]): ReadonlyMap<string, number> {
    const wanted = this.#wanted.get(version.function);
    if (wanted && wanted.size > 0) return wanted;
    const woken = new Map<string, number>();
    for (const report of reports) {
      const { active = 0 } = whatSays(report).versions.get(version.digest) ?? {};
      if (report.node && active > 0) woken.set(report.node.id, active);
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
}

/** The rest after a round that had so many milliseconds of work. */
export function restMs(workMs: number): number {
  return Math.min(restMaxMs, Math.max(gatherChangesMs, restFactor * workMs));
}
