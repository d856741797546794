/** What a function may measure: names, labels and bounds, the same in instances, agents and tests. */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** Of a histogram: upper bounds, rising. */
  readonly bounds: readonly number[];
}

/** A series and what was measured of it; counters and histograms add up, a gauge is set. */
export interface MetricSample extends MetricDefinition {
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram: the sum of what was observed. */
  readonly value: number;
  /** Of a histogram: one count more than there are bounds, each without those below. */
  readonly counts: readonly number[];
}

/** Of one function. */
export const metricBounds = {
  names: 64,
  series: 1_000,
  labels: 8,
  nameChars: 96,
  labelChars: 128,
  helpChars: 240,
  buckets: 32,
} as const;

/** Seconds, as most histograms are of times. */
export const defaultBuckets: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

const namePattern = /^[a-z][a-z0-9_]*$/;
/** What the platform, or Prometheus itself, says with them. */
const reservedLabels: ReadonlySet<string> = new Set(['function', 'node', 'le', 'quantile', 'job', 'instance']);
const reservedEndings = ['_bucket', '_count', '_sum', '_created', '_info'];

/** As it is kept: a counter's name says that it is one. */
export function metricName(name: string, kind: MetricKind): string {
  return kind === 'counter' && !name.endsWith('_total') ? `${name}_total` : name;
}

/** Why there can be no such metric; undefined where there can. */
export function definitionProblem({ name, kind, bounds }: MetricDefinition): string | undefined {
  if (!namePattern.test(name)) return 'its name is not like frames_read_total: a-z, 0-9 and _';
  if (name.length > metricBounds.nameChars) return `its name is longer than ${metricBounds.nameChars} characters`;
  const ending = [...reservedEndings, ...(kind === 'counter' ? [] : ['_total'])].find((each) => name.endsWith(each));
  if (ending !== undefined) return `the ending ${ending} is not for a ${kind}`;
  return kind === 'histogram' ? bucketProblem(bounds) : undefined;
}

export function labelProblem(labels: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(labels);
  if (entries.length > metricBounds.labels) return `more than ${metricBounds.labels} labels`;
  for (const [label, value] of entries) {
    if (!namePattern.test(label) || label.length > metricBounds.nameChars)
      return 'a label is not like detector: a-z, 0-9 and _';
    if (reservedLabels.has(label)) return `the label ${label} is the platform's`;
    if (value.length > metricBounds.labelChars)
      return `a value of the label ${label} is longer than ${metricBounds.labelChars} characters`;
  }
  return undefined;
}

/** Why a measurement cannot be taken; undefined where it can. */
export function valueProblem({ kind }: MetricDefinition, value: number): string | undefined {
  if (!Number.isFinite(value)) return 'a value is no number';
  return kind === 'counter' && value < 0 ? 'a counter cannot go down' : undefined;
}

function bucketProblem(bounds: readonly number[]): string | undefined {
  if (bounds.length === 0 || bounds.length > metricBounds.buckets)
    return `it has not 1 to ${metricBounds.buckets} buckets`;
  const rising = bounds.every((bound, at) => Number.isFinite(bound) && (at === 0 || bound > (bounds[at - 1] ?? bound)));
  return rising ? undefined : 'its buckets do not rise';
}
