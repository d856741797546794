/** What the nodes say of one version, put together so that no single node can talk the rest into anything. */
import type { NodeUse, ScaleSnapshot } from '#autoscaler';
import { callsAtOnce } from '#model';
import { packMembersMax } from '#packs';
import type { FunctionLoad, FunctionVersion, Node, ReportResponse } from '#proto';
import { whatSays } from '../nodes/node-says.ts';

export interface VersionLoad {
  /** The middle one of the nodes' smoothed times, weighted by their calls; undefined before the first call. */
  readonly serviceMs: number | undefined;
  readonly p99Ms: number;
  /** Calls behind these. */
  readonly samples: number;
  readonly startMs: number;
  readonly openKeys: number;
  /** The middle one of what the nodes say a message holds: 1 where events come by themselves. */
  readonly messageEvents: number;
  readonly ready: number;
  readonly startError: string;
  /** An event was given back for want of a slot. */
  readonly turnedAway: boolean;
  /** By node, as last reported. */
  readonly endedByNode: ReadonlyMap<string, number>;
  /** Nodes that have run it, or hold an instance of it. */
  readonly warm: ReadonlySet<string>;
  /** Of the nodes that run it, whoever keeps them busy: cores on average, memory of the fullest one. */
  readonly nodes: NodeUse | undefined;
}

/** A node with millions of old calls knows no more of the present than one with a thousand. */
const weightMax = 1_000;
/** Longer than any call can take is a node's mistake, and not measured. */
const serviceMsMax = 24 * 3_600_000;

/** Said by one node, and how many calls stand behind it. */
interface Weighted {
  readonly value: number;
  readonly weight: number;
}

interface Gathered {
  readonly times: Weighted[];
  readonly messageEvents: Weighted[];
  readonly endedByNode: Map<string, number>;
  readonly warm: Set<string>;
  readonly hosts: Node[];
  p99Ms: number;
  samples: number;
  startMs: number;
  openKeys: number;
  ready: number;
  startError: string;
  turnedAway: boolean;
}

/** By the version's digest. */
export function versionLoads(reports: readonly ReportResponse[]): Map<string, VersionLoad> {
  const gathered = new Map<string, Gathered>();
  const of = (digest: string): Gathered => {
    let entry = gathered.get(digest);
    if (!entry) {
      entry = {
        times: [],
        messageEvents: [],
        endedByNode: new Map(),
        warm: new Set(),
        hosts: [],
        p99Ms: 0,
        samples: 0,
        startMs: 0,
        openKeys: 0,
        ready: 0,
        startError: '',
        turnedAway: false,
      };
      gathered.set(digest, entry);
    }
    return entry;
  };
  for (const report of reports) {
    const { node, loads } = report;
    if (!node) continue;
    for (const [digest, { ready }] of whatSays(report).versions) {
      const entry = of(digest);
      entry.warm.add(node.id);
      entry.hosts.push(node);
      entry.ready += ready;
    }
    for (const load of loads) add(of(load.digest), node.id, load);
  }
  return new Map(
    [...gathered].map(([digest, entry]) => [
      digest,
      {
        ...entry,
        serviceMs: weightedMedian(entry.times),
        messageEvents: weightedMedian(entry.messageEvents) ?? 1,
        nodes: useOf(entry.hosts),
      },
    ]),
  );
}

function add(entry: Gathered, node: string, load: FunctionLoad): void {
  const ended = measure(load.handled) + measure(load.failed);
  if (ended > 0) {
    entry.endedByNode.set(node, ended);
    entry.warm.add(node);
    entry.samples += ended;
  }
  const serviceMs = measure(load.serviceMs);
  const weight = 1 + Math.min(ended, weightMax);
  if (serviceMs > 0 && serviceMs <= serviceMsMax) entry.times.push({ value: serviceMs, weight });
  const messageEvents = measure(load.messageEvents);
  if (messageEvents >= 1 && messageEvents <= packMembersMax) entry.messageEvents.push({ value: messageEvents, weight });
  entry.p99Ms = Math.max(entry.p99Ms, Math.min(measure(load.p99Ms), serviceMsMax));
  entry.startMs = Math.max(entry.startMs, Math.min(measure(load.startMs), serviceMsMax));
  entry.openKeys += measure(load.openKeys);
  entry.startError ||= load.startError;
  entry.turnedAway ||= load.turnedAway;
}

/**
 * How many events an instance works on, and how many a node holds: a pack counts as one there, and as its events where an
 * instance is given them together.
 */
export function atOnceOf(
  { spec }: FunctionVersion,
  load: Pick<VersionLoad, 'messageEvents'> | undefined,
  nodes: number,
): Pick<ScaleSnapshot, 'concurrency' | 'limit'> {
  const inFlight = spec?.limits?.inFlight ?? 0;
  const each = spec?.batch ? (load?.messageEvents ?? 1) : 1;
  return {
    concurrency: callsAtOnce(spec),
    limit: inFlight > 0 ? { events: inFlight * each, nodes } : undefined,
  };
}

/** A share is one, whatever a node says. */
function share(value: number): number {
  return Math.min(1, measure(value));
}

function useOf(hosts: readonly Node[]): NodeUse | undefined {
  if (hosts.length === 0) return undefined;
  return {
    cpu: hosts.reduce((sum, { cpuUsed }) => sum + share(cpuUsed), 0) / hosts.length,
    memory: hosts.reduce((most, { memoryUsed }) => Math.max(most, share(memoryUsed)), 0),
  };
}

/** Not a number, negative or endless: nothing was measured. */
function measure(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

function weightedMedian(said: Weighted[]): number | undefined {
  said.sort((a, b) => a.value - b.value);
  const half = said.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let passed = 0;
  for (const { value, weight } of said) {
    passed += weight;
    if (passed >= half) return value;
  }
  return undefined;
}

/** Calls that have ended since it was made, whatever agents began to count anew meanwhile. */
export class EndedCalls {
  #seen: ReadonlyMap<string, number> = new Map();
  #total = 0;

  update(endedByNode: ReadonlyMap<string, number>): number {
    for (const [node, ended] of endedByNode) {
      const before = this.#seen.get(node) ?? 0;
      this.#total += ended >= before ? ended - before : ended;
    }
    this.#seen = endedByNode;
    return this.#total;
  }
}

/** Events that have come: the server counts messages, and each holds as many events as those that came about then. */
export class CameEvents {
  #messages = 0;
  #total = 0;

  update(messages: number, messageEvents: number): number {
    // Fewer than before: the consumer was made anew, and so is the count.
    if (messages < this.#messages) this.#total = this.#messages = 0;
    this.#total += (messages - this.#messages) * messageEvents;
    this.#messages = messages;
    return this.#total;
  }
}
