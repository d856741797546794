/** Records of a study as series over the number of instances: medians of repeats, and the scalability law fitted to them. Pure. */
import { fitUsl, type UslFit, type UslSample, uslThroughput } from '#autoscaler';
import type { CaseRecord } from './records.ts';

export interface SeriesPoint {
  readonly instances: number;
  readonly repeats: number;
  /** Medians of the repeats. */
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly queueP50Ms: number | undefined;
  readonly startUpMs: number;
  readonly sourceMegabytesPerSecond: number;
  /** Lag over time of one repeat, the middle one. */
  readonly lag: readonly (readonly [number, number])[];
}

/** 5th to 95th percentile over resampled repeats. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface FittedLaw extends UslFit {
  /** Undefined where too few resamples could be fitted. */
  readonly intervals: Readonly<Record<'lambda' | 'sigma' | 'kappa', Interval>> | undefined;
}

export interface Series {
  readonly experiment: string;
  readonly pilot: string;
  readonly size: string;
  readonly producers: number;
  readonly points: readonly SeriesPoint[];
  /** Undefined below four counts of instances, or where the largest is less than three times the smallest. */
  readonly law: FittedLaw | undefined;
  readonly failed: readonly string[];
}

const resamples = 200;

export function seriesOf(records: readonly CaseRecord[]): Series[] {
  const groups = Map.groupBy(records, ({ experiment, pilot, size, producers }) =>
    JSON.stringify([experiment, pilot, size, producers]),
  );
  return [...groups.values()].map((group) => {
    const [{ experiment, pilot, size, producers }] = group as [CaseRecord];
    const good = group.filter(({ outcome }) => outcome === 'ok');
    const byCount = Map.groupBy(good, ({ instances }) => instances);
    const points = [...byCount]
      .map(([instances, same]) => pointOf(instances, same))
      .sort((a, b) => a.instances - b.instances);
    const failed = group.filter(({ outcome }) => outcome !== 'ok').map(({ id, outcome }) => `${id}: ${outcome}`);
    return { experiment, pilot, size, producers, points, law: fitLaw(good), failed };
  });
}

function pointOf(instances: number, same: readonly CaseRecord[]): SeriesPoint {
  const of = (pick: (record: CaseRecord) => number | null | undefined) =>
    median(same.flatMap((record) => pick(record) ?? []));
  const ordered = [...same].sort((a, b) => (a.measured?.perSecond ?? 0) - (b.measured?.perSecond ?? 0));
  const queue = of(({ measured }) => measured?.queueMs?.p50);
  return {
    instances,
    repeats: same.length,
    perSecond: of(({ measured }) => measured?.perSecond),
    megabytesPerSecond: of(({ measured }) => measured?.megabytesPerSecond),
    p50Ms: of(({ measured }) => measured?.latencyMs.p50),
    p99Ms: of(({ measured }) => measured?.latencyMs.p99),
    queueP50Ms: Number.isNaN(queue) ? undefined : queue,
    startUpMs: of(({ startUpMs }) => startUpMs),
    sourceMegabytesPerSecond: of(({ source }) => source?.megabytesPerSecond),
    lag: ordered[ordered.length >> 1]?.measured?.lag ?? [],
  };
}

/** The law of the autoscaler's own fit; how sure its three figures are, from resampled repeats. */
function fitLaw(records: readonly CaseRecord[]): FittedLaw | undefined {
  const samples: UslSample[] = records.flatMap(({ instances, measured }, at) =>
    measured ? [{ at, instances, perSecond: measured.perSecond }] : [],
  );
  const fit = fitUsl(samples);
  if (!fit) return undefined;
  const fits: UslFit[] = [];
  const random = createRandom(samples.length);
  const byCount = [...Map.groupBy(samples, ({ instances }) => instances).values()];
  for (let round = 0; round < resamples; round++) {
    // Within each count, so that every resample has all of them.
    const drawn = byCount.flatMap((same) => same.map(() => same[Math.floor(random() * same.length)] as UslSample));
    const again = fitUsl(drawn);
    if (again) fits.push(again);
  }
  // One repeat a count can be drawn in one way only: that says nothing of how sure it is.
  const isTold = byCount.some((same) => same.length > 1) && fits.length >= resamples / 2;
  const interval = (name: 'lambda' | 'sigma' | 'kappa'): Interval => {
    const values = fits.map((each) => each[name]).sort((a, b) => a - b);
    const at = (part: number) => values[Math.floor(part * (values.length - 1))] ?? 0;
    return { low: at(0.05), high: at(0.95) };
  };
  const intervals = { lambda: interval('lambda'), sigma: interval('sigma'), kappa: interval('kappa') };
  return { ...fit, intervals: isTold ? intervals : undefined };
}

/** Throughput by the law at each of these counts. */
export function lawCurve(law: UslFit, most: number, steps = 60): [number, number][] {
  return Array.from({ length: steps + 1 }, (_, step) => {
    const n = 1 + ((most - 1) * step) / steps;
    return [n, uslThroughput(law, n)] as [number, number];
  });
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** A linear congruential generator (Knuth's MMIX, its upper bits): the same records give the same report. */
function createRandom(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 11n) / 2 ** 53;
  };
}
