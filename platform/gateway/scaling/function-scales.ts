/** One function after the other: its signals put together, its decision taken, kept, and said where it changes something. */
import type { JetStreamManager } from '@nats-io/jetstream';
import {
  type Downstream,
  decide,
  inFlightMost,
  noMemory,
  type ScaleDecision,
  type ScaleMemory,
  type ScalePolicy,
} from '#autoscaler';
import type { Clock } from '#common';
import type { Unplaced } from '#placement';
import type { FunctionVersion } from '#proto';
import type { ScaleStore, TriggerStates, WantedByFunction } from '#registry';
import type { Logger } from '#telemetry';
import type { Waiting } from '../claims/local-data.ts';
import { type FunctionLag, readLags } from '../events/lag-reader.ts';
import type { CallCounts } from './call-counts.ts';
import type { DecisionLog } from './decision-log.ts';
import { downstreamOf } from './downstream.ts';
import { atOnceOf, CameEvents, EndedCalls, type VersionLoad } from './function-load.ts';
import { policyOf } from './scale-policy.ts';
import { total } from './wanted-sets.ts';
import type { WantedCount } from './wanted-versions.ts';

export interface FunctionScalesOptions {
  readonly manager: JetStreamManager;
  readonly scales: ScaleStore;
  readonly triggerStates: TriggerStates;
  readonly calls: CallCounts;
  readonly decisions: DecisionLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nodes that the pilot has, or may still get. */
  readonly nodes: () => number;
}

/** What the last round saw and wanted of a function. */
export interface FunctionScale {
  readonly lag: number | undefined;
  readonly wanted: number;
  readonly reason: string;
  readonly policy: ScalePolicy & { readonly weight: number };
  readonly decision: ScaleDecision;
  readonly load: VersionLoad | undefined;
  readonly concurrency: number;
  /** Instances that its bound on events at once leaves work for. */
  readonly mostAtWork: number;
  /** Instances that no node has room for. */
  readonly unplaced: number;
  readonly waiting: readonly Waiting[];
}

export class FunctionScales {
  readonly #options: FunctionScalesOptions;
  readonly #memories = new Map<string, ScaleMemory>();
  readonly #scales = new Map<string, FunctionScale>();
  readonly #ended = new Map<string, EndedCalls>();
  readonly #came = new Map<string, CameEvents>();

  constructor(options: FunctionScalesOptions) {
    this.#options = options;
  }

  get(name: string): FunctionScale | undefined {
    return this.#scales.get(name);
  }

  /** In which time its instances would be done with what waits; undefined when unknown. */
  drainMsOf(name: string): number | undefined {
    const scale = this.#scales.get(name);
    return scale && drainMs(scale);
  }

  policyOf(version: FunctionVersion): ScalePolicy & { readonly weight: number } {
    return policyOf(version, this.#options.scales.get(version.function), this.#options.clock.now());
  }

  /** What waits for each; undefined where that is not known. */
  readLags(versions: readonly FunctionVersion[]): Promise<(FunctionLag | undefined)[]> {
    const { manager, triggerStates } = this.#options;
    return readLags(manager, versions, triggerStates);
  }

  /** Function -> what it wants now. */
  decide(
    versions: readonly FunctionVersion[],
    lags: readonly (FunctionLag | undefined)[],
    loads: ReadonlyMap<string, VersionLoad>,
    wanted: WantedByFunction,
  ): Map<string, WantedCount> {
    const below = downstreamOf(versions.flatMap(({ spec }) => spec ?? []));
    const counts = new Map<string, WantedCount>();
    for (const [at, version] of versions.entries()) {
      const downstream = (below.get(version.function) ?? []).flatMap((name) => this.#downstream(name));
      const current = total(wanted.get(version.function));
      const decision = this.#decideOne(version, {
        messages: lags[at],
        load: loads.get(version.digest),
        current,
        downstream,
      });
      counts.set(version.function, { wanted: decision.wanted, needed: decision.needed });
    }
    return counts;
  }

  /** Says why, where a function has fewer than it wants. */
  noteUnplaced(unplaced: ReadonlyMap<string, Unplaced>): void {
    for (const [name, { count, by }] of unplaced) {
      const scale = this.#scales.get(name);
      if (!scale) continue;
      const reason = `${scale.reason}; held at ${Math.max(0, scale.wanted - count)} by ${by}`;
      this.#scales.set(name, { ...scale, reason, unplaced: count });
    }
  }

  forgetOthers(names: ReadonlySet<string>): void {
    for (const known of [this.#memories, this.#scales, this.#ended, this.#came])
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    for (const known of [this.#options.calls, this.#options.decisions])
      for (const name of [...known.names()]) if (!names.has(name)) known.forget(name);
  }

  #decideOne(
    version: FunctionVersion,
    seen: {
      messages: FunctionLag | undefined;
      load: VersionLoad | undefined;
      current: number;
      downstream: readonly Downstream[];
    },
  ): ScaleDecision {
    const { clock, calls, decisions, logger, nodes } = this.#options;
    const { messages, load, current, downstream } = seen;
    const name = version.function;
    const lag = messages && withTurnedAway(this.#inEvents(name, messages, load?.messageEvents ?? 1), load);
    const counted = calls.of(name);
    const policy = this.policyOf(version);
    const ended = this.#endedOf(name, load);
    // With order, what has come is what is in line, or not even that, and what is done.
    const inOrder = version.spec?.order ? { come: ended, waiting: load?.openKeys ?? 0 } : { come: 0, waiting: 0 };
    const atOnce = atOnceOf(version, load, nodes());
    const decision = decide(
      {
        now: clock.monotonic(),
        lag,
        arrived: lag && lag.arrived + counted.came + inOrder.come,
        ended,
        openKeys: load?.openKeys ?? 0,
        openKeysAreWork: openKeysAreWork(version),
        inFlight: counted.open,
        serviceMs: load?.serviceMs,
        ...atOnce,
        ready: load?.ready ?? 0,
        startError: load?.startError ?? '',
        current,
        nodes: load?.nodes,
        downstream,
      },
      policy,
      this.#memories.get(name) ?? noMemory,
    );
    this.#memories.set(name, decision.memory);
    const { wanted, reason } = decision;
    this.#scales.set(name, {
      lag: lag && lag.pending + lag.ackPending + inOrder.waiting,
      wanted,
      reason,
      policy,
      decision,
      load,
      concurrency: atOnce.concurrency,
      mostAtWork: inFlightMost({ ...atOnce, inFlight: counted.open })?.most ?? Number.POSITIVE_INFINITY,
      unplaced: 0,
      waiting: lag?.waiting ?? [],
    });
    const decided = { timeMs: clock.now(), function: name, from: current, to: wanted, reason };
    if (wanted !== current && decisions.isNews(decided)) {
      logger.info({ function: name, from: current, to: wanted, reason }, 'scale');
      decisions.add(decided);
    }
    return decision;
  }

  /** Packs hold several events: those that wait are taken to be as full as those that came lately. */
  #inEvents(name: string, lag: FunctionLag, messageEvents: number): FunctionLag {
    const came = this.#came.get(name) ?? new CameEvents();
    this.#came.set(name, came);
    return {
      ...lag,
      pending: Math.ceil(lag.pending * messageEvents),
      ackPending: Math.ceil(lag.ackPending * messageEvents),
      arrived: came.update(lag.arrived, messageEvents),
    };
  }

  #endedOf(name: string, load: VersionLoad | undefined): number {
    const ended = this.#ended.get(name) ?? new EndedCalls();
    this.#ended.set(name, ended);
    return ended.update(load?.endedByNode ?? new Map());
  }

  /** As the last round saw it. */
  #downstream(name: string): Downstream[] {
    const scale = this.#scales.get(name);
    if (!scale) return [];
    const { policy, wanted, unplaced, mostAtWork } = scale;
    return [
      {
        name,
        drainMs: drainMs(scale),
        drainTargetMs: policy.drainTargetMs,
        atLimit: wanted >= Math.min(policy.max, mostAtWork) || unplaced > 0,
      },
    ];
  }
}

/** A retry that was due and found no slot is in no lag: it waits all the same, for a slot that somebody else may not need. */
export function withTurnedAway<T extends Pick<FunctionLag, 'pending' | 'ackPending'>>(
  lag: T,
  load: Pick<VersionLoad, 'turnedAway'> | undefined,
): T {
  return load?.turnedAway && lag.pending + lag.ackPending === 0 ? { ...lag, ackPending: 1 } : lag;
}

function drainMs({ lag, load, concurrency }: FunctionScale): number | undefined {
  const ready = load?.ready ?? 0;
  const known = lag !== undefined && load?.serviceMs !== undefined && ready > 0;
  return known ? (lag * (load.serviceMs ?? 0)) / (ready * concurrency) : undefined;
}

/** With order they are events in line; a call that follows its parts has begun with the first of them. */
function openKeysAreWork({ spec }: FunctionVersion): boolean {
  return spec?.order !== undefined || (spec?.triggers.some(({ gather }) => gather?.streaming) ?? false);
}
