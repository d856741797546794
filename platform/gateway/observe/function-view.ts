/** A function as it is shown: its summary, and what is measured of it, put together from all nodes. */
import type { FunctionLoad, FunctionMetrics, FunctionSummary, GetFunctionResponse, VersionMetrics } from '#proto';
import type { RegisteredFunction, Registry } from '#registry';
import type { Fleet } from '../fleet.ts';
import { whatSays } from '../node-says.ts';
import type { ScalingLoop } from '../scaling-loop.ts';
import type { DeadLetterCounts } from './dead-letter-counts.ts';

export interface FunctionViewOptions {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly scaling: ScalingLoop;
  readonly deadLetters: DeadLetterCounts;
}

/** What all nodes say of one function. */
interface Seen {
  readonly loads: readonly FunctionLoad[];
  /** By digest. */
  readonly ready: ReadonlyMap<string, number>;
}

const nothing: Seen = { loads: [], ready: new Map() };

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

/** One walk over all reports, however many functions there are. */
function seenByFunction(fleet: Fleet): Map<string, { loads: FunctionLoad[]; ready: Map<string, number> }> {
  const seen = new Map<string, { loads: FunctionLoad[]; ready: Map<string, number> }>();
  const of = (name: string) => {
    const known = seen.get(name) ?? { loads: [], ready: new Map<string, number>() };
    seen.set(name, known);
    return known;
  };
  for (const report of fleet.reports()) {
    for (const load of report.loads) of(load.function).loads.push(load);
    for (const [digest, says] of whatSays(report).versions) {
      const { ready } = of(says.function);
      ready.set(digest, (ready.get(digest) ?? 0) + says.ready);
    }
  }
  return seen;
}

function summary(entry: RegisteredFunction, seen: Seen, options: FunctionViewOptions): FunctionSummary {
  const { registry, scaling } = options;
  const scale = scaling.scaleOf(entry.name);
  const startError = seen.loads.find((load) => load.startError !== '')?.startError;
  return {
    name: entry.name,
    latest: registry.latest(entry.name),
    canary: entry.canary,
    aliases: Object.fromEntries(entry.aliases),
    instancesReady: sum([...seen.ready.values()]),
    instancesWanted: scale?.wanted ?? 0,
    lag: scale?.lag ?? -1,
    handled: sum(seen.loads.map(({ handled }) => handled)),
    failed: sum(seen.loads.map(({ failed }) => failed)),
    scaleReason: startError ? `cannot start: ${startError}` : (scale?.reason ?? 'not looked at yet'),
    metrics: metrics(entry, seen, options),
  };
}

function metrics(entry: RegisteredFunction, { loads, ready }: Seen, options: FunctionViewOptions): FunctionMetrics {
  const scale = options.scaling.scaleOf(entry.name);
  const { decision, load, policy } = scale ?? {};
  const latest = options.registry.latest(entry.name);
  const own = loads.filter(({ digest }) => digest === latest.digest);
  return {
    ratePerSecond: decision?.rate?.perSecond ?? -1,
    serviceMs: load?.serviceMs ?? 0,
    p50Ms: p50(own),
    p99Ms: load?.p99Ms ?? 0,
    startMs: load?.startMs ?? 0,
    started: sum(loads.map(({ counts }) => counts?.started ?? 0)),
    inFlight: sum(loads.map(({ inFlight }) => inFlight)),
    deadLetters: options.deadLetters.of(entry.name),
    min: policy?.min ?? 0,
    max: policy?.max ?? 0,
    fit: decision?.usl && { ...decision.usl, best: decision.usl.best ?? 0 },
    versions: versionsOf(entry, latest.number, loads, ready),
    gathers: own.flatMap(({ counts }) => counts?.gathers ?? []),
  };
}

/** Those that have work or instances, and the latest. */
function versionsOf(
  entry: RegisteredFunction,
  latest: number,
  loads: readonly FunctionLoad[],
  ready: ReadonlyMap<string, number>,
): VersionMetrics[] {
  const { canary } = entry;
  const canaryPercent = canary && canary.ended === '' ? canary.percent : 0;
  return entry.versions.flatMap(({ number, digest }) => {
    const own = loads.filter((load) => load.digest === digest);
    const isCanary = canaryPercent > 0 && number === canary?.number;
    if (own.length === 0 && number !== latest && !isCanary) return [];
    return {
      number,
      digest,
      instances: ready.get(digest) ?? 0,
      handled: sum(own.map(({ handled }) => handled)),
      failed: sum(own.map(({ failed }) => failed)),
      p50Ms: p50(own),
      p99Ms: Math.max(0, ...own.map(({ p99Ms }) => p99Ms)),
      percent: isCanary ? canaryPercent : number === latest ? 100 - canaryPercent : 0,
    };
  });
}

/** The nodes' medians, weighted by their calls. */
function p50(loads: readonly FunctionLoad[]): number {
  const measured = loads.filter(({ counts }) => (counts?.p50Ms ?? 0) > 0);
  const calls = sum(measured.map(({ handled, failed }) => handled + failed));
  return calls === 0
    ? 0
    : sum(measured.map(({ handled, failed, counts }) => ((handled + failed) * (counts?.p50Ms ?? 0)) / calls));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
