/** What a benchmark gives: per name the samples of ours and of its baseline, taken in turn in one run, as a ratio of medians. */

export interface BenchResult {
  readonly name: string;
  /** Median of ours. */
  readonly value: number;
  readonly unit: string;
  /** Median of the baseline. */
  readonly baseline: number;
  readonly ratio: number;
  /** What else a row has to say, for --json. */
  readonly details?: Readonly<Record<string, number>>;
  readonly samples: { readonly value: readonly number[]; readonly baseline: readonly number[] };
}

/** What a benchmark gives that compares no two sides: rows for machines, a text for people. */
export interface BenchReport {
  readonly rows: readonly object[];
  readonly text: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Where the median of 95 of 100 resamplings lies (bootstrap): the same for the same values. */
export function medianInterval(values: readonly number[]): { readonly low: number; readonly high: number } {
  const resamplings = 2_000;
  let state = 1;
  const below = (limit: number) => {
    // Lehmer's generator (Park and Miller): good enough to draw from a few dozen values.
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  const medians = Array.from({ length: resamplings }, () =>
    median(values.map(() => values[below(values.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b);
  const at = (share: number) => medians[Math.floor(share * resamplings)] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}

export function compare(
  name: string,
  unit: string,
  value: readonly number[],
  baseline: readonly number[],
): BenchResult {
  return {
    name,
    value: median(value),
    unit,
    baseline: median(baseline),
    ratio: median(value) / median(baseline),
    samples: { value, baseline },
  };
}

/** A table for people. */
export function table(results: readonly BenchResult[]): string {
  const head = ['name', 'ours', 'baseline', 'ratio', 'unit', 'ours min..max', 'baseline min..max'];
  const rows = results.map(({ name, value, baseline, ratio, unit, samples }) => [
    name,
    round(value),
    round(baseline),
    `${ratio.toFixed(2)}x`,
    unit,
    range(samples.value),
    range(samples.baseline),
  ]);
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

function range(values: readonly number[]): string {
  return `${round(Math.min(...values))}..${round(Math.max(...values))}`;
}
