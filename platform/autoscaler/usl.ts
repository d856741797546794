/**
 * The Universal Scalability Law, X(N) = lambda N / (1 + sigma (N-1) + kappa N (N-1)), fitted to what was measured: so that
 * instances are not added where adding hurts. N/X is linear in its three unknowns: least squares, with Huber's weights
 * against outliers, and sigma and kappa not below zero.
 */

export interface UslSample {
  readonly at: number;
  readonly instances: number;
  readonly perSecond: number;
}

export interface UslFit {
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
  /** 0 to 1: share of the throughput's variance that the law explains, less where few counts were seen. */
  readonly confidence: number;
  /** Instances beyond which the throughput falls; undefined where it does not within what can be told. */
  readonly best: number | undefined;
}

/** Below it the fit is shown and not used. */
export const uslConfidenceMin = 0.9;
/** Different counts of instances that three unknowns need, with one to be wrong. */
const countsMin = 4;
/** The largest count is at least so many times the smallest. */
const spreadMin = 3;
/** The optimum lies at most so far beyond the largest count seen: past it there is nothing but hope. */
const extrapolationMax = 1.5;
const iterations = 8;
/** Huber's constant: 95 % as good as plain least squares where there are no outliers. */
const huber = 1.345;

export function fitUsl(samples: readonly UslSample[]): UslFit | undefined {
  const points = medians(samples);
  const counts = points.map(({ n }) => n);
  const largest = Math.max(...counts);
  if (points.length < countsMin || largest < spreadMin * Math.min(...counts)) return undefined;
  const fit = solveNonNegative(points);
  if (!fit) return undefined;
  const [a, b, c] = fit;
  const law = { lambda: 1 / a, sigma: b / a, kappa: c / a };
  const best = law.kappa > 0 ? Math.sqrt(Math.max(0, 1 - law.sigma) / law.kappa) : Number.POSITIVE_INFINITY;
  return {
    ...law,
    confidence: explained(points, law) * (1 - 1 / points.length ** 2),
    best: best <= extrapolationMax * largest ? Math.max(1, Math.round(best)) : undefined,
  };
}

/** What the law says of N instances. */
export function uslThroughput({ lambda, sigma, kappa }: Pick<UslFit, 'lambda' | 'sigma' | 'kappa'>, n: number): number {
  return (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

interface Point {
  readonly n: number;
  readonly x: number;
}

/** One point a count: its median, which a burst or a pause does not move. */
function medians(samples: readonly UslSample[]): Point[] {
  const byCount = new Map<number, number[]>();
  for (const { instances, perSecond } of samples) {
    if (instances < 1 || !(perSecond > 0)) continue;
    byCount.set(instances, [...(byCount.get(instances) ?? []), perSecond]);
  }
  return [...byCount]
    .map(([n, values]) => ({ n, x: values.sort((a, b) => a - b)[values.length >> 1] ?? 0 }))
    .sort((a, b) => a.n - b.n);
}

type Three = readonly [number, number, number];

/**
 * All three unknowns where none is negative, else the better one of without kappa and without sigma, else neither. Which is better must be asked:
 * a throughput that only saturates is described by sigma, and by kappa alone as if it fell.
 */
function solveNonNegative(points: readonly Point[]): Three | undefined {
  for (const uses of [
    [[true, true, true]],
    [
      [true, true, false],
      [true, false, true],
    ],
    [[true, false, false]],
  ] as const) {
    const [best] = uses
      .map((use) => solveRobust(points, use))
      .filter((solution) => solution !== undefined && solution[0] > 0 && solution[1] >= 0 && solution[2] >= 0)
      .map((solution) => solution as Three)
      .sort((one, other) => wrongness(points, one) - wrongness(points, other));
    if (best) return best;
  }
  return undefined;
}

/** Mean of the absolute residuals: an outlier counts as much as it is off, not the square of it. */
function wrongness(points: readonly Point[], solution: Three): number {
  return points.reduce((sum, point) => sum + Math.abs(relativeResidual(point, solution)), 0) / points.length;
}

function solveRobust(points: readonly Point[], use: readonly [boolean, boolean, boolean]): Three | undefined {
  let weights = points.map(() => 1);
  let solution: Three | undefined;
  for (let round = 0; round < iterations; round++) {
    solution = solveWeighted(points, weights, use);
    if (!solution) return undefined;
    const found = solution;
    const residuals = points.map((point) => relativeResidual(point, found));
    const scale = 1.4826 * ([...residuals.map(Math.abs)].sort((a, b) => a - b)[residuals.length >> 1] ?? 0);
    if (scale < 1e-9) break;
    weights = residuals.map((residual) => Math.min(1, (huber * scale) / Math.abs(residual)));
  }
  return solution;
}

/** N/X is large where X is small: what counts is how wrong X is in percent. */
function relativeResidual({ n, x }: Point, [a, b, c]: Three): number {
  return ((a + b * (n - 1) + c * n * (n - 1)) * x) / n - 1;
}

/** Normal equations of rows (1, N-1, N(N-1)) x/N = 1, by Gauss with pivoting; unknowns not in use stay 0. */
function solveWeighted(
  points: readonly Point[],
  weights: readonly number[],
  use: readonly [boolean, boolean, boolean],
): Three | undefined {
  const matrix = [0, 1, 2].map(() => [0, 0, 0, 0]);
  for (const [index, { n, x }] of points.entries()) {
    const row = [1, n - 1, n * (n - 1)].map((value, at) => (use[at] ? (value * x) / n : 0));
    const weight = weights[index] ?? 1;
    for (const [i, left] of row.entries()) {
      const line = matrix[i];
      if (!line) continue;
      for (const [j, right] of row.entries()) line[j] = (line[j] ?? 0) + weight * left * right;
      line[3] = (line[3] ?? 0) + weight * left;
    }
  }
  for (const [at, used] of use.entries()) if (!used) (matrix[at] ?? [])[at] = 1;
  return gauss(matrix);
}

function gauss(matrix: number[][]): Three | undefined {
  for (let column = 0; column < 3; column++) {
    let pivot = column;
    for (let row = column + 1; row < 3; row++)
      if (Math.abs(at(matrix, row, column)) > Math.abs(at(matrix, pivot, column))) pivot = row;
    if (Math.abs(at(matrix, pivot, column)) < 1e-12) return undefined;
    [matrix[column], matrix[pivot]] = [matrix[pivot] ?? [], matrix[column] ?? []];
    for (let row = 0; row < 3; row++) {
      if (row === column) continue;
      const factor = at(matrix, row, column) / at(matrix, column, column);
      matrix[row] = (matrix[row] ?? []).map((value, index) => value - factor * at(matrix, column, index));
    }
  }
  return [
    at(matrix, 0, 3) / at(matrix, 0, 0),
    at(matrix, 1, 3) / at(matrix, 1, 1),
    at(matrix, 2, 3) / at(matrix, 2, 2),
  ];
}

function at(matrix: readonly (readonly number[])[], row: number, column: number): number {
  return matrix[row]?.[column] ?? 0;
}

/** R squared of the throughput. */
function explained(points: readonly Point[], law: Pick<UslFit, 'lambda' | 'sigma' | 'kappa'>): number {
  const mean = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  let left = 0;
  let all = 0;
  for (const { n, x } of points) {
    left += (x - uslThroughput(law, n)) ** 2;
    all += (x - mean) ** 2;
  }
  return all === 0 ? 0 : Math.max(0, 1 - left / all);
}
