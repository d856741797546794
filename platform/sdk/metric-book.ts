/**
 * The metrics of one function, bounded: what does not fit is refused, and said once. An instance keeps one of what it has not
 * told yet, its agent one of all that its instances told.
 */
import {
  defaultBuckets,
  definitionProblem,
  labelProblem,
  type MetricDefinition,
  type MetricKind,
  type MetricSample,
  metricBounds,
  metricName,
  valueProblem,
} from './metric-rules.ts';
import type {
  Counter,
  Gauge,
  Histogram,
  HistogramOptions,
  MetricLabels,
  MetricOptions,
  UserMetrics,
} from './metrics.ts';

/** Refusals that are told; of a function that is wrong in more ways these are enough. */
const refusalsMax = 20;

interface Series {
  readonly definition: MetricDefinition;
  readonly labels: Readonly<Record<string, string>>;
  value: number;
  readonly counts: number[];
  /** The book's revision at its last change. */
  revision: number;
}

export class MetricBook implements UserMetrics {
  readonly #definitions = new Map<string, MetricDefinition>();
  readonly #series = new Map<string, Series>();
  readonly #told = new Set<string>();
  readonly #refuse: (text: string) => void;
  #revision = 0;

  /** `refuse` is told, once each, what was not taken and why. */
  constructor(refuse: (text: string) => void) {
    this.#refuse = refuse;
  }

  /** Grows with each change. */
  get revision(): number {
    return this.#revision;
  }

  counter(name: string, options: MetricOptions = {}): Counter {
    const definition = this.#define(name, 'counter', options);
    return { add: (value = 1, labels = noLabels) => this.#measure(definition, labels, value) };
  }

  gauge(name: string, options: MetricOptions = {}): Gauge {
    const definition = this.#define(name, 'gauge', options);
    return { set: (value, labels = noLabels) => this.#measure(definition, labels, value) };
  }

  histogram(name: string, options: HistogramOptions = {}): Histogram {
    const definition = this.#define(name, 'histogram', options);
    return { observe: (value, labels = noLabels) => this.#measure(definition, labels, value) };
  }

  /** Adds what another book has told. */
  merge({ labels, value, counts, ...definition }: MetricSample): void {
    const known = this.#admit(definition);
    if (known === undefined) return;
    // What a histogram observed may be negative; its counts may not.
    const problem = valueProblem(known, value) ?? countProblem(known, counts);
    if (problem !== undefined) return this.#tell(known.name, problem);
    const series = this.#seriesOf(known, labels);
    if (series === undefined) return;
    series.value = known.kind === 'gauge' ? value : series.value + value;
    for (const [at, count] of counts.entries()) series.counts[at] = (series.counts[at] ?? 0) + count;
    series.revision = ++this.#revision;
  }

  /** Series that have changed since that revision, with all that is known of each. */
  since(revision: number): MetricSample[] {
    return [...this.#series.values()].filter((series) => series.revision > revision).map(sampleOf);
  }

  /** What was measured since the last time, which is forgotten here; the bounds go on to hold. */
  take(): MetricSample[] {
    const taken: MetricSample[] = [];
    for (const series of this.#series.values()) {
      if (series.revision === 0) continue;
      taken.push(sampleOf(series));
      series.revision = 0;
      if (series.definition.kind === 'gauge') continue;
      series.value = 0;
      series.counts.fill(0);
    }
    return taken;
  }

  #define(name: string, kind: MetricKind, { help = '', buckets }: HistogramOptions): MetricDefinition | undefined {
    const known = this.#definitions.get(name);
    if (known && known.kind === kind && buckets === undefined) return known;
    const bounds = kind === 'histogram' ? (buckets ?? defaultBuckets) : [];
    return this.#admit({ name: metricName(String(name), kind), kind, help, bounds });
  }

  /** The metric of that name as it was first defined; undefined where it is refused. */
  #admit(definition: MetricDefinition): MetricDefinition | undefined {
    const { name, kind, bounds } = definition;
    const known = this.#definitions.get(name);
    if (known?.kind === kind && sameBounds(known.bounds, bounds)) return known;
    const problem =
      definitionProblem(definition) ??
      (known && (known.kind === kind ? 'it has other buckets already' : `it is a ${known.kind} already`));
    if (problem !== undefined) return this.#tell(name, problem);
    if (this.#definitions.size >= metricBounds.names) return this.#tell(name, tooManyNames, tooManyNames);
    const help = definition.help.replaceAll('\n', ' ').slice(0, metricBounds.helpChars);
    const admitted = { name, kind, help, bounds: [...bounds] };
    this.#definitions.set(name, admitted);
    return admitted;
  }

  #measure(definition: MetricDefinition | undefined, labels: MetricLabels, value: number): void {
    if (definition === undefined) return;
    const problem = valueProblem(definition, value);
    if (problem !== undefined) return this.#tell(definition.name, problem);
    const series = this.#seriesOf(definition, labels);
    if (series === undefined) return;
    series.value = definition.kind === 'gauge' ? value : series.value + value;
    if (definition.kind === 'histogram') {
      const at = definition.bounds.findIndex((bound) => value <= bound);
      const bucket = at < 0 ? definition.bounds.length : at;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    }
    series.revision = ++this.#revision;
  }

  #seriesOf(definition: MetricDefinition, given: MetricLabels): Series | undefined {
    const key = given === noLabels ? definition.name : keyOf(definition.name, given);
    const known = this.#series.get(key);
    if (known) return known;
    const labels = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
    const problem = labelProblem(labels);
    if (problem !== undefined) return this.#tell(definition.name, problem);
    if (this.#series.size >= metricBounds.series) return this.#tell(definition.name, tooManySeries, tooManySeries);
    const counts = definition.kind === 'histogram' ? definition.bounds.map(() => 0).concat(0) : [];
    const series = { definition, labels, value: 0, counts, revision: 0 };
    this.#series.set(key, series);
    return series;
  }

  /** A bound is told of once, whichever metric meets it. */
  #tell(name: string, problem: string, once = `${name} ${problem}`): undefined {
    if (this.#told.size >= refusalsMax || this.#told.has(once)) return;
    this.#told.add(once);
    this.#refuse(`the metric ${name.slice(0, metricBounds.nameChars)} is refused: ${problem}`);
  }
}

const noLabels: MetricLabels = {};
const tooManyNames = `a function has no more than ${metricBounds.names} metrics`;
const tooManySeries = `a function has no more than ${metricBounds.series} series`;

/** The same whatever the labels' order. */
function keyOf(name: string, labels: MetricLabels): string {
  const entries = Object.entries(labels).map(([label, value]) => [label, String(value)]);
  return entries.length === 0
    ? name
    : `${name} ${JSON.stringify(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)))}`;
}

function sampleOf({ definition, labels, value, counts }: Series): MetricSample {
  return { ...definition, labels, value, counts: [...counts] };
}

function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((bound, at) => bound === b[at]);
}

function countProblem({ kind, bounds }: MetricDefinition, counts: readonly number[]): string | undefined {
  const wanted = kind === 'histogram' ? bounds.length + 1 : 0;
  const fine = counts.length === wanted && counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  return fine ? undefined : 'its counts do not fit its buckets';
}
