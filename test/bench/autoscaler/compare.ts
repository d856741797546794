/** All policies tuned by the same grid search on training seeds, then judged on seeds that none has seen. */
import type { PolicyKind } from './policy.ts';
import { combinations } from './policy.ts';
import type { RunResult } from './sim-model.ts';
import { simulate } from './simulate.ts';
import type { Trace } from './traces.ts';

export interface Score {
  /** Percent of events that waited longer than their objective. */
  readonly missPercent: number;
  /** Instance-seconds against the clairvoyant optimum. */
  readonly cost: number;
}

export interface TraceRow extends Score {
  readonly trace: string;
  readonly policy: string;
  readonly recoverSeconds: number;
  readonly overshootPercent: number;
  readonly instanceSeconds: number;
  readonly stoppedBusy: number;
  readonly parameters: Readonly<Record<string, number>>;
  /** Policies that are better in one of both and no worse in the other, by more than the noise. */
  readonly dominatedBy: readonly string[];
}

export interface FrontPoint extends Score {
  readonly policy: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** Other policies of which a point is better, by more than the noise. */
  readonly dominatedBy: readonly string[];
}

/** A percent of missed events is worth so many percent of the optimum's instance-seconds. */
const missWeight = 10;
/** Below these differences two policies are the same: the seeds' own spread is larger. */
const missNoise = 0.05;
const costNoise = 0.01;

export interface Tuned {
  readonly kind: PolicyKind;
  readonly best: Readonly<Record<string, number>>;
  readonly front: readonly Readonly<Record<string, number>>[];
}

export function tune(kind: PolicyKind, traces: readonly Trace[], seeds: readonly number[]): Tuned {
  const tried = combinations(kind.grid).map((parameters) => ({
    parameters,
    score: meanScore(traces.map((trace) => scoreOf(runs(kind, parameters, trace, seeds)))),
  }));
  const sorted = [...tried].sort((a, b) => objective(a.score) - objective(b.score));
  const front = tried.filter(({ score }) => !tried.some((other) => dominates(other.score, score, 0)));
  return { kind, best: sorted[0]?.parameters ?? {}, front: front.map(({ parameters }) => parameters) };
}

export function judge(tuned: readonly Tuned[], traces: readonly Trace[], seeds: readonly number[]): TraceRow[] {
  return traces.flatMap((trace) => {
    const rows = tuned.map(({ kind, best }) => {
      const results = runs(kind, best, trace, seeds);
      return {
        trace: trace.name,
        policy: kind.name,
        ...scoreOf(results),
        recoverSeconds: mean(results.map(({ recoverSeconds }) => recoverSeconds)),
        overshootPercent: 100 * mean(results.map(({ overshoot }) => overshoot)),
        instanceSeconds: mean(results.map(({ instanceSeconds }) => instanceSeconds)),
        stoppedBusy: results.reduce((sum, { stoppedBusy }) => sum + stoppedBusy, 0),
        parameters: best,
      };
    });
    return rows.map((row) => ({
      ...row,
      dominatedBy: rows.filter((other) => other !== row && dominates(other, row, 1)).map(({ policy }) => policy),
    }));
  });
}

/** The training front of each policy, on the seeds that none has seen, over all traces. */
export function fronts(tuned: readonly Tuned[], traces: readonly Trace[], seeds: readonly number[]): FrontPoint[] {
  const points = tuned.flatMap(({ kind, front }) =>
    front
      .map((parameters) => ({
        policy: kind.name,
        parameters,
        ...meanScore(traces.map((trace) => scoreOf(runs(kind, parameters, trace, seeds)))),
      }))
      .sort((a, b) => a.cost - b.cost),
  );
  return points.map((point) => {
    const better = points.filter((other) => other.policy !== point.policy && dominates(other, point, 1));
    return { ...point, dominatedBy: [...new Set(better.map(({ policy }) => policy))] };
  });
}

/** `strictness` 1: by more than the noise; 0: at all. */
export function dominates(a: Score, b: Score, strictness: number): boolean {
  const noWorse = a.missPercent <= b.missPercent && a.cost <= b.cost;
  const better = a.missPercent < b.missPercent - strictness * missNoise || a.cost < b.cost - strictness * costNoise;
  return noWorse && better;
}

function objective({ missPercent, cost }: Score): number {
  return 100 * cost + missWeight * missPercent;
}

export function runs(
  kind: PolicyKind,
  parameters: Readonly<Record<string, number>>,
  trace: Trace,
  seeds: readonly number[],
): RunResult[] {
  return seeds.map((seed) => simulate(trace, () => kind.create(parameters), seed));
}

function scoreOf(results: readonly RunResult[]): Score {
  return {
    missPercent: mean(results.map(({ misses, events }) => (100 * misses) / events)),
    cost: mean(results.map(({ instanceSeconds, optimumSeconds }) => instanceSeconds / optimumSeconds)),
  };
}

function meanScore(scores: readonly Score[]): Score {
  return {
    missPercent: mean(scores.map(({ missPercent }) => missPercent)),
    cost: mean(scores.map(({ cost }) => cost)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
