/** A function as it is shown: its summary, and what is measured of it, put together from all nodes. */
import type {
  FunctionLoad,
  FunctionMetrics,
  FunctionSummary,
  GatherProgress,
  GetFunctionResponse,
  VersionMetrics,
} from '#proto';
import type { RegisteredFunction, Registry } from '#registry';
import { canaryInstances } from '#routing';
import type { Fleet } from '../nodes/fleet.ts';
import { whatSays } from '../nodes/node-says.ts';
import type { ScalingLoop } from '../scaling/scaling-loop.ts';
import type { DeadLetterCounts } from './dead-letter-counts.ts';

export interface FunctionViewOptions {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly scaling: ScalingLoop;
  readonly deadLetters: DeadLetterCounts;
}

/** What all nodes say of one version, added up. */
interface VersionSeen {
  /** Nodes that report on it. */
  nodes: number;
  ready: number;
  handled: number;
  failed: number;
  started: number;
  inFlight: number;
  p99Ms: number;
  /** Nodes' medians times the calls behind them, and those calls. */
  medianMs: number;
  medianCalls: number;
  readonly gathers: GatherProgress[];
}

/** What all nodes say of one function. */
interface Seen {
  /** By digest. */
  readonly versions: Map<string, VersionSeen>;
  startError: string;
}

const nothing: Seen = { versions: new Map(), startError: '' };

export function summaries(options: FunctionViewOptions): FunctionSummary[] {
  const seen = seenByFunction(options.fleet);
  return options.registry.list().map((entry) => summary(entry, seen.get(entry.name) ?? nothing, options));
}

function functionSummary(entry: RegisteredFunction, options: FunctionViewOptions): FunctionSummary {
  return summary(entry, seenByFunction(options.fleet).get(entry.name) ?? nothing, options);
}

/** Throws `not-found`. */
export function describeFunction(name: string, options: FunctionViewOptions): GetFunctionResponse {
  const entry = options.registry.get(name);
  const instances = options.fleet.reports().flatMap((report) => report.node?.instances ?? []);
  return {
    summary: functionSummary(entry, options),
    versions: [...entry.versions],
    instances: instances.filter((instance) => instance.function === name),
  };
}

/** One walk over all reports, however many functions there are: a thousand nodes tell of sixteen thousand versions. */
function seenByFunction(fleet: Fleet): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  const of = (name: string) => {
    const known = seen.get(name) ?? { versions: new Map<string, VersionSeen>(), startError: '' };
    seen.set(name, known);
    return known;
  };
  for (const report of fleet.reports()) {
    for (const load of report.loads) {
      const own = of(load.function);
      own.startError ||= load.startError;
      add(versionOf(own, load.digest), load);
    }
    for (const [digest, says] of whatSays(report).versions) versionOf(of(says.function), digest).ready += says.ready;
  }
  return seen;
}

function versionOf({ versions }: Seen, digest: string): VersionSeen {
  let version = versions.get(digest);
  if (!version) {
    version = { nodes: 0, ...noCounts, medianMs: 0, medianCalls: 0, gathers: [] };
    versions.set(digest, version);
  }
  return version;
}

const noCounts = { ready: 0, handled: 0, failed: 0, started: 0, inFlight: 0, p99Ms: 0 };

function add(version: VersionSeen, { handled, failed, inFlight, p99Ms, counts }: FunctionLoad): void {
  version.nodes++;
  version.handled += handled;
  version.failed += failed;
  version.inFlight += inFlight;
  version.p99Ms = Math.max(version.p99Ms, p99Ms);
  if (!counts) return;
  version.started += counts.started;
  if (counts.gathers.length > 0) version.gathers.push(...counts.gathers);
  if (!(counts.p50Ms > 0)) return;
  version.medianMs += (handled + failed) * counts.p50Ms;
  version.medianCalls += handled + failed;
}

function summary(entry: RegisteredFunction, seen: Seen, options: FunctionViewOptions): FunctionSummary {
  const { registry, scaling } = options;
  const scale = scaling.scaleOf(entry.name);
  const versions = [...seen.versions.values()];
  return {
    name: entry.name,
    latest: registry.latest(entry.name),
    canary: entry.canary,
    aliases: Object.fromEntries(entry.aliases),
    instancesReady: sum(versions.map(({ ready }) => ready)),
    instancesWanted: wantedWithCanary(scale?.wanted ?? 0, entry.canary?.percent ?? 0),
    lag: scale?.lag ?? -1,
    handled: sum(versions.map(({ handled }) => handled)),
    failed: sum(versions.map(({ failed }) => failed)),
    scaleReason: seen.startError ? `cannot start: ${seen.startError}` : (scale?.reason ?? 'not looked at yet'),
    metrics: metrics(entry, seen, options),
  };
}

/** A canary takes instances over from the version beside it, down to its last one. */
function wantedWithCanary(wanted: number, percent: number): number {
  return percent === 0 || wanted === 0 ? wanted : Math.max(wanted, canaryInstances(wanted, percent) + 1);
}

function metrics(entry: RegisteredFunction, seen: Seen, options: FunctionViewOptions): FunctionMetrics {
  const scale = options.scaling.scaleOf(entry.name);
  const { decision, load, policy } = scale ?? {};
  const latest = options.registry.latest(entry.name);
  const versions = [...seen.versions.values()];
  const own = seen.versions.get(latest.digest);
  return {
    ratePerSecond: decision?.rate?.perSecond ?? -1,
    serviceMs: load?.serviceMs ?? 0,
    p50Ms: p50(own),
    p99Ms: load?.p99Ms ?? 0,
    startMs: load?.startMs ?? 0,
    started: sum(versions.map(({ started }) => started)),
    inFlight: sum(versions.map(({ inFlight }) => inFlight)),
    deadLetters: options.deadLetters.of(entry.name),
    min: policy?.min ?? 0,
    max: policy?.max ?? 0,
    fit: decision?.usl && { ...decision.usl, best: decision.usl.best ?? 0 },
    versions: versionsOf(entry, latest.number, seen),
    gathers: own?.gathers ?? [],
  };
}

/** Those that have work or instances, and the latest. */
function versionsOf(entry: RegisteredFunction, latest: number, seen: Seen): VersionMetrics[] {
  const { canary } = entry;
  const canaryPercent = canary && canary.ended === '' ? canary.percent : 0;
  return entry.versions.flatMap(({ number, digest }) => {
    const own = seen.versions.get(digest);
    const isCanary = canaryPercent > 0 && number === canary?.number;
    if (!own?.nodes && number !== latest && !isCanary) return [];
    return {
      number,
      digest,
      instances: own?.ready ?? 0,
      handled: own?.handled ?? 0,
      failed: own?.failed ?? 0,
      p50Ms: p50(own),
      p99Ms: own?.p99Ms ?? 0,
      percent: isCanary ? canaryPercent : number === latest ? 100 - canaryPercent : 0,
    };
  });
}

/** The nodes' medians, weighted by their calls. */
function p50(version: VersionSeen | undefined): number {
  return version && version.medianCalls > 0 ? version.medianMs / version.medianCalls : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
