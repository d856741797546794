/** Tells every node its whole wanted set, sleeping functions included: it can then start one for a call, or as activator. */
import type { Clock } from '#common';
import type { FunctionVersion, TriggerState, WantedFunction } from '#proto';
import type { TriggerStates, WantedByFunction } from '#registry';
import { canaryShare, mayRunOn, type ShardOwners } from '#routing';
import type { NodeLink } from '../nodes/node-link.ts';
import { whatSays } from '../nodes/node-says.ts';
import { ShardMap } from './shard-map.ts';
import type { WantedVersion } from './wanted-versions.ts';

/** A pilot of this many nodes tells each node of all functions, so that any can start one at once; a larger one does not. */
const tellAllNodesMax = 64;
/** Reports without a change: a gateway of 1,000 nodes reads 330 a second. */
const reportMsPerNode = 3;
/** In steps: each other number is a new set for every node, and while a thousand nodes join there would be hundreds of them. */
const reportEveryMsSteps = [500, 1_000, 2_000, 3_000] as const;

export class WantedSets {
  readonly #clock: Clock;
  readonly #triggerStates: TriggerStates;
  readonly #shards = new ShardMap();
  #generation = 0;
  #activator: string | undefined;
  /** What was stated last to all nodes alike. */
  #everywhere = '';
  /** By node. */
  #stated: ReadonlyMap<string, Stated> = new Map();
  /** Behind what was stated last. */
  #shares: readonly Share[] = [];

  constructor(clock: Clock, triggerStates: TriggerStates) {
    this.#clock = clock;
    this.#triggerStates = triggerStates;
  }

  /** States what is wanted where; again only when something has changed. */
  state(links: readonly NodeLink[], versions: readonly WantedVersion[], wanted: WantedByFunction): void {
    const activator = chooseActivator(links, this.#activator);
    const isSameActivator = activator === this.#activator;
    this.#activator = activator;
    const kind = links.find((link) => link.entry.node === activator)?.entry ?? {};
    // A sleeping function that the activator's node cannot run is woken by the next round.
    const mayWake = ({ version }: WantedVersion) => mayRunOn(version.spec, kind);
    const owners = this.#shardOwners(links, versions, wanted, mayWake);
    const shares = versions.map((version) =>
      this.#shareOf(version, wanted, owners.get(version.version.digest), mayWake(version)),
    );
    const reportEveryMs = reportEveryMsFor(links.length);
    const everywhere = JSON.stringify([
      reportEveryMs,
      ...shares.map(({ of, triggers }) => [of.version.digest, of.canary?.digest, triggers]),
    ]);
    // One text for all nodes is compared once, and not kept a thousand times.
    if (everywhere !== this.#everywhere) this.#stated = new Map();
    this.#everywhere = everywhere;
    const placed = new Map(shares.map((share) => [share.of.version.digest, share.placed]));
    const isSame = isSameActivator && areSame(shares, this.#shares);
    this.#shares = shares;
    const stated = new Map<string, Stated>();
    for (const link of links) {
      const { node } = link.entry;
      const before = this.#stated.get(node);
      const now = isSame && before && stillHolds(before, link) ? before : this.#statedTo(link, shares, placed);
      stated.set(node, now);
      if (before?.text === now.text) continue;
      link.apply(++this.#generation, this.#setOf(node, shares, links.length), reportEveryMs);
    }
    this.#stated = stated;
  }

  #statedTo(link: NodeLink, shares: readonly Share[], placedOf: PlacedByDigest): Stated {
    const hasSurplus = surplusOf(link, placedOf);
    const text = `${link.entry.startedAt} ${this.#ownText(link, shares, hasSurplus)}`;
    return { text, link, report: link.report, hasSurplus };
  }

  /** By digest, for the functions with order. A node that is not there handles nothing, whatever is wanted of it. */
  #shardOwners(
    links: readonly NodeLink[],
    versions: readonly WantedVersion[],
    wanted: WantedByFunction,
    mayWake: (version: WantedVersion) => boolean,
  ): Map<string, ShardOwners> {
    const here = new Set(links.map((link) => link.entry.node));
    const reports = links.flatMap((link) => link.report ?? []);
    const owners = new Map<string, ShardOwners>();
    for (const each of versions) {
      const { id, version, pull } = each;
      if (!pull || !version.spec?.order) continue;
      const placed = new Map([...(wanted.get(id) ?? [])].filter(([node]) => here.has(node)));
      if (total(placed) === 0 && this.#activator !== undefined && mayWake(each)) placed.set(this.#activator, 1);
      owners.set(version.digest, this.#shards.assign(version.digest, placed, reports));
    }
    this.#shards.forgetOthers(new Set(owners.keys()));
    return owners;
  }

  /** What is the same for every node. */
  #shareOf(of: WantedVersion, wanted: WantedByFunction, owners: ShardOwners | undefined, mayWake: boolean): Share {
    const placed = wanted.get(of.id);
    const mayRun = (of.version.spec?.scale?.max ?? 1) > 0;
    return {
      of,
      placed,
      beside: of.canary && wanted.get(of.canary.id),
      sleeps: of.pull && total(placed) === 0 && mayRun && mayWake,
      owners,
      triggers: this.#statesOf(of.version),
    };
  }

  /** What differs from node to node, as a text to compare. */
  #ownText(link: NodeLink, shares: readonly Share[], hasSurplus: boolean): string {
    const { node } = link.entry;
    const parts: unknown[] = [node === this.#activator, hasSurplus ? Math.floor(this.#clock.monotonic() / 1_000) : 0];
    for (const [at, { of, placed, beside, owners }] of shares.entries()) {
      const count = placed?.get(node) ?? 0;
      if (count > 0) parts.push(at, count);
      if (of.canary && placed && beside) parts.push(canaryShare(node, of.canary.percent, placed, beside));
      if (owners) parts.push(shardsOf(owners, node).join('+'));
    }
    if (node === this.#activator) for (const { sleeps } of shares) parts.push(sleeps);
    return parts.join();
  }

  #setOf(node: string, shares: readonly Share[], nodes: number): WantedFunction[] {
    return shares.flatMap((share): WantedFunction[] => {
      const { of, placed, beside, sleeps, owners, triggers } = share;
      const { version, canary, pull } = of;
      const instances = placed?.get(node) ?? 0;
      const activator = sleeps && node === this.#activator;
      const canaryPercent = canary && placed && beside ? canaryShare(node, canary.percent, placed, beside) : 0;
      const shards = shardsOf(owners, node);
      const isIdle = instances === 0 && !activator && shards.length === 0;
      if (isIdle && nodes > tellAllNodesMax && isPlain(version)) return [];
      const canaryDigest = canary?.digest ?? '';
      return [{ version, instances, activator, pull, shards, canaryDigest, canaryPercent, triggers }];
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
}

/** What a node was told last, as a text to compare, and what it was made from. */
interface Stated {
  readonly text: string;
  readonly link: NodeLink;
  readonly report: NodeLink['report'];
  readonly hasSurplus: boolean;
}

/** Where nothing is wanted anew, only nodes that have reported since can differ: of a thousand, a few hundred a second. */
function stillHolds({ link, report, hasSurplus }: Stated, now: NodeLink): boolean {
  return !hasSurplus && link === now && report === now.report;
}

/** How often each of so many nodes reports where nothing changes. */
export function reportEveryMsFor(nodes: number): number {
  return reportEveryMsSteps.find((step) => step >= reportMsPerNode * nodes) ?? reportEveryMsSteps[3];
}

function areSame(shares: readonly Share[], before: readonly Share[]): boolean {
  return (
    shares.length === before.length &&
    shares.every(({ of, placed, beside, sleeps, owners }, at) => {
      const known = before[at];
      const isSamePlace =
        placed === known?.placed && beside === known?.beside && of.canary?.percent === known?.of.canary?.percent;
      // Owners of shards are worked out anew each time.
      return isSamePlace && sleeps === known?.sleeps && !owners && !known.owners;
    })
  );
}

/** Where each version that is wanted at all is to be. */
type PlacedByDigest = ReadonlyMap<string, ReadonlyMap<string, number> | undefined>;

/** One version, as far as it is the same on every node. */
interface Share {
  readonly of: WantedVersion;
  readonly placed: ReadonlyMap<string, number> | undefined;
  readonly beside: ReadonlyMap<string, number> | undefined;
  readonly sleeps: boolean;
  readonly owners: ShardOwners | undefined;
  readonly triggers: TriggerState[];
}

/** Nothing but instances handles its events: nodes without one need not know it before a call comes. */
function isPlain({ spec }: FunctionVersion): boolean {
  return (spec?.triggers ?? []).every(
    ({ gather, window, cron, files, http }) => !gather && !window && !cron && !files && !http,
  );
}

/**
 * True while a node runs more than it should: an instance that woke by itself outlives the set stated before it was known,
 * and needs to be told again, each second.
 */
function surplusOf({ entry, report }: NodeLink, placedOf: PlacedByDigest): boolean {
  for (const [digest, { active }] of whatSays(report).versions)
    if (placedOf.has(digest) && active > (placedOf.get(digest)?.get(entry.node) ?? 0)) return true;
  return false;
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
