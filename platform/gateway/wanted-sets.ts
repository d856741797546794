/** Tells every node its whole wanted set, sleeping functions included: it can then start one for a call, or as activator. */
import type { Clock } from '#common';
import type { FunctionVersion, TriggerState, WantedFunction } from '#proto';
import type { TriggerStates, WantedByFunction } from '#registry';
import { canaryShare, type ShardOwners } from '#routing';
import type { NodeLink } from './node-link.ts';
import { ShardMap } from './shard-map.ts';
import type { WantedVersion } from './wanted-versions.ts';

export class WantedSets {
  readonly #clock: Clock;
  readonly #triggerStates: TriggerStates;
  readonly #shards = new ShardMap();
  #generation = 0;
  #activator: string | undefined;
  #stated = '';

  constructor(clock: Clock, triggerStates: TriggerStates) {
    this.#clock = clock;
    this.#triggerStates = triggerStates;
  }

  /** States what is wanted where; again only when something has changed. */
  state(links: readonly NodeLink[], versions: readonly WantedVersion[], wanted: WantedByFunction): void {
    this.#activator = chooseActivator(links, this.#activator);
    const owners = this.#shardOwners(links, versions, wanted);
    const sets = links.map((link) => ({ link, functions: this.#setOf(link, versions, wanted, owners) }));
    const stated = JSON.stringify(
      sets.map(({ link, functions }) => [
        link.entry.node,
        link.entry.startedAt,
        functions.map((entry) => [
          entry.version?.digest,
          entry.instances,
          entry.activator,
          entry.canaryDigest,
          entry.canaryPercent,
          entry.triggers,
          entry.shards,
          this.#repeatWhileSurplus(link, entry),
        ]),
      ]),
    );
    if (stated === this.#stated) return;
    this.#stated = stated;
    this.#generation++;
    for (const { link, functions } of sets) link.apply(this.#generation, functions);
  }

  /** By digest, for the functions with order. A node that is not there handles nothing, whatever is wanted of it. */
  #shardOwners(
    links: readonly NodeLink[],
    versions: readonly WantedVersion[],
    wanted: WantedByFunction,
  ): Map<string, ShardOwners> {
    const here = new Set(links.map((link) => link.entry.node));
    const reports = links.flatMap((link) => link.report ?? []);
    const owners = new Map<string, ShardOwners>();
    for (const { id, version, pull } of versions) {
      if (!pull || !version.spec?.order) continue;
      const placed = new Map([...(wanted.get(id) ?? [])].filter(([node]) => here.has(node)));
      if (total(placed) === 0 && this.#activator !== undefined) placed.set(this.#activator, 1);
      owners.set(version.digest, this.#shards.assign(version.digest, placed, reports));
    }
    this.#shards.forgetOthers(new Set(owners.keys()));
    return owners;
  }

  #setOf(
    link: NodeLink,
    versions: readonly WantedVersion[],
    wanted: WantedByFunction,
    owners: ReadonlyMap<string, ShardOwners>,
  ): WantedFunction[] {
    const { node } = link.entry;
    return versions.map(({ id, version, canary, pull }) => {
      const placed = wanted.get(id);
      const sleeps = pull && total(placed) === 0 && (version.spec?.scale?.max ?? 1) > 0;
      const beside = canary && wanted.get(canary.id);
      return {
        version,
        instances: placed?.get(node) ?? 0,
        activator: sleeps && node === this.#activator,
        pull,
        shards: shardsOf(owners.get(version.digest), node),
        canaryDigest: canary?.digest ?? '',
        canaryPercent: canary && placed && beside ? canaryShare(node, canary.percent, placed, beside) : 0,
        triggers: this.#statesOf(version),
      };
    });
  }

  /** Of triggers that are not as any other. */
  #statesOf({ function: functionName, spec }: FunctionVersion): TriggerState[] {
    return (spec?.triggers ?? []).flatMap(({ name }) => {
      const { pausedAtMs, replayFromMs, replayAtMs } = this.#triggerStates.get(functionName, name);
      const paused = pausedAtMs > 0;
      return paused || replayFromMs > 0 ? [{ name, paused, replayFromMs, replayAtMs }] : [];
    });
  }

  /**
   * Changes each second while a node runs more than it should: an instance that woke by itself outlives the set stated
   * before it was known, and needs to be told again.
   */
  #repeatWhileSurplus(link: NodeLink, wanted: WantedFunction): number {
    const active = link.report?.node?.instances.filter(
      ({ digest, state }) => digest === wanted.version?.digest && (state === 'starting' || state === 'ready'),
    );
    const surplus = (active?.length ?? 0) > wanted.instances;
    return surplus ? Math.floor(this.#clock.monotonic() / 1_000) : 0;
  }
}

function shardsOf(owners: ShardOwners | undefined, node: string): number[] {
  return (owners ?? []).flatMap((owner, shard) => (owner === node ? [shard] : []));
}

/** The same node as long as it has room, else the one with the most: an activator that moves leaves pulls behind. */
function chooseActivator(links: readonly NodeLink[], current: string | undefined): string | undefined {
  if (links.some((link) => link.entry.node === current && freeSlots(link) > 0)) return current;
  return [...links].sort((a, b) => freeSlots(b) - freeSlots(a) || a.entry.node.localeCompare(b.entry.node))[0]?.entry
    .node;
}

function freeSlots(link: {
  entry: { slots: number };
  report: { node?: { slotsUsed: number } | undefined } | undefined;
}): number {
  return link.entry.slots - (link.report?.node?.slotsUsed ?? 0);
}

/** Instances on all nodes together. */
export function total(placed: ReadonlyMap<string, number> | undefined): number {
  let sum = 0;
  for (const count of placed?.values() ?? []) sum += count;
  return sum;
}
