/**
 * What functions measure of themselves, over all nodes. Counters and histograms only grow, whatever becomes of instances and
 * agents; a gauge is its node's, and goes with it.
 */
import type { UserSeries } from '#proto';
import type { Family, Sample } from './exposition.ts';
import { type Counter, GrownTotals, type StoredTotal } from './grown-totals.ts';

/** Over all functions; each of them is bounded by its agents. */
const seriesMax = 20_000;
/** Metrics that two functions mean differently, as they are told in the log. */
const conflictsMax = 100;

export const userPrefix = 'pilotfish_user_';

interface Metric {
  readonly kind: Family['kind'];
  readonly help: string;
}

interface Series {
  readonly function: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly bounds: readonly number[];
}

/** What is stored of one function. */
export interface StoredUser {
  readonly metrics: readonly (readonly [name: string, metric: Metric])[];
  readonly series: readonly (readonly [key: string, series: Series])[];
  readonly totals: readonly StoredTotal[];
}

export class UserTotals {
  readonly #metrics = new Map<string, Metric>();
  readonly #series = new Map<string, Series>();
  readonly #totals = new GrownTotals(seriesMax);
  /** By series, then by node. */
  readonly #gauges = new Map<string, Map<string, number>>();
  readonly #conflicts = new Set<string>();
  readonly #warn: (text: string) => void;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  add(counter: Counter, told: readonly UserSeries[]): void {
    for (const each of told) this.#add(counter, each);
  }

  /** Of functions that are deployed, and gauges of nodes that are there. */
  families(functions: ReadonlySet<string>, nodes: ReadonlySet<string>): Family[] {
    const samples = new Map<string, Sample[]>();
    for (const [key, series] of this.#series) {
      if (!functions.has(series.function)) continue;
      const list = samples.get(series.name) ?? [];
      samples.set(series.name, list);
      list.push(...this.#samplesOf(key, series, nodes));
    }
    return [...samples].sort(byName).map(([name, list]) => {
      const { kind, help } = this.#metrics.get(name) ?? { kind: 'gauge', help: '' };
      return { name: userPrefix + name, kind, help: help === '' ? 'Measured by a function.' : help, samples: list };
    });
  }

  /** Counters and histograms; gauges are told again soon. */
  stored(functionName: string): StoredUser {
    const series = [...this.#series].filter(
      ([, each]) => each.function === functionName && this.#metrics.get(each.name)?.kind !== 'gauge',
    );
    const keys = new Set(series.map(([key]) => key));
    const names = new Set(series.map(([, { name }]) => name));
    const metrics = [...this.#metrics].filter(([name]) => names.has(name));
    return { metrics, series, totals: this.#totals.stored((key) => keys.has(key)) };
  }

  restore({ metrics, series, totals }: StoredUser): void {
    for (const [name, metric] of metrics) if (!this.#metrics.has(name)) this.#metrics.set(name, metric);
    for (const [key, each] of series) this.#series.set(key, each);
    this.#totals.restore(totals);
  }

  forget(functionName: string): void {
    for (const [key, series] of this.#series) {
      if (series.function !== functionName) continue;
      this.#series.delete(key);
      this.#gauges.delete(key);
      this.#totals.delete(key);
    }
  }

  #add(
    counter: Counter,
    { function: functionName, name, kind, help, labels, value, bounds, counts }: UserSeries,
  ): void {
    const metric = this.#metrics.get(name) ?? { kind: kind as Family['kind'], help };
    if (metric.kind !== kind) return this.#conflict(functionName, name, metric.kind);
    const key = JSON.stringify([functionName, name, Object.entries(labels).sort()]);
    if (!this.#series.has(key)) {
      if (this.#series.size >= seriesMax) return;
      this.#metrics.set(name, metric);
      this.#series.set(key, { function: functionName, name, labels, bounds });
    }
    if (kind !== 'gauge') return this.#totals.add(key, counter, [value, ...counts]);
    const byNode = this.#gauges.get(key) ?? new Map<string, number>();
    this.#gauges.set(key, byNode.set(counter.node, value));
  }

  #samplesOf(key: string, series: Series, nodes: ReadonlySet<string>): Sample[] {
    const labels = { function: series.function, ...series.labels };
    const byNode = this.#gauges.get(key);
    if (byNode) {
      for (const node of byNode.keys()) if (!nodes.has(node)) byNode.delete(node);
      return [...byNode].map(([node, value]) => ({ labels: { ...labels, node }, value }));
    }
    const [value = 0, ...counts] = this.#totals.of(key) ?? [];
    if (this.#metrics.get(series.name)?.kind !== 'histogram') return [{ labels, value }];
    return [{ labels, bounds: series.bounds, counts, sum: value }];
  }

  /** A name is one metric to Prometheus: of two kinds the first stands. */
  #conflict(functionName: string, name: string, kind: string): void {
    const key = `${functionName} ${name}`;
    if (this.#conflicts.size >= conflictsMax || this.#conflicts.has(key)) return;
    this.#conflicts.add(key);
    this.#warn(`the metric ${name} of ${functionName} is refused: it is a ${kind} of another function already`);
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
