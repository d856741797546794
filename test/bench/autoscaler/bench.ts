/** `npm run bench -- autoscaler`: our policy against three published ones, in simulated time. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchReport } from '../report.ts';
import { chart } from './chart.ts';
import { type FrontPoint, fronts, judge, runs, type TraceRow, tune } from './compare.ts';
import { keda } from './policy-keda.ts';
import { knative } from './policy-knative.ts';
import { numaflow } from './policy-numaflow.ts';
import { ours } from './policy-ours.ts';
import { unavoidableMissPercent } from './policy-present.ts';
import { traces } from './traces.ts';

const policies = [ours, keda, knative, numaflow];
const trainingSeeds = [1, 2];
/** Drawn at random once the policy stood; a policy that is changed is judged on fresh ones. */
const heldOutSeeds = [39_631, 64_346, 92_328, 93_612];
const charts = join(import.meta.dirname, '../../../out/autoscaler');

export async function benchAutoscaler(): Promise<BenchReport> {
  const tuned = policies.map((kind) => tune(kind, traces, trainingSeeds));
  const rows = judge(tuned, traces, heldOutSeeds);
  const front = fronts(tuned, traces, heldOutSeeds);
  mkdirSync(charts, { recursive: true });
  for (const trace of traces) {
    const lines = tuned.flatMap(({ kind, best }) =>
      runs(kind, best, trace, [heldOutSeeds[0] ?? 0]).map((result) => ({ policy: kind.name, result })),
    );
    writeFileSync(join(charts, `${trace.name}.svg`), chart(trace, lines));
  }
  return {
    rows: [...rows, ...front.map((point) => ({ trace: 'front', ...point }))],
    text: [rowsText(rows), unavoidableText(), frontText(front), verdict(rows), `charts: ${charts}`].join('\n\n'),
  };
}

function rowsText(rows: readonly TraceRow[]): string {
  const head = 'trace          policy        missed   cost  recover  overshoot  dominated by';
  const lines = rows.map((row) =>
    [
      row.trace.padEnd(14),
      row.policy.padEnd(12),
      `${row.missPercent.toFixed(2)} %`.padStart(8),
      row.cost.toFixed(2).padStart(6),
      `${row.recoverSeconds.toFixed(1)} s`.padStart(8),
      `${Math.round(row.overshootPercent)} %`.padStart(9),
      ` ${row.dominatedBy.join(', ') || '-'}`,
    ].join(' '),
  );
  return [head, ...lines].join('\n');
}

function unavoidableText(): string {
  const shares = traces.map((trace) => `${trace.name} ${unavoidableMissPercent(trace, heldOutSeeds).toFixed(2)} %`);
  return `missed by one who is told the present rate, at any price, but keeps nothing idle: ${shares.join(', ')}`;
}

function frontText(front: readonly FrontPoint[]): string {
  const lines = front.map(({ policy, missPercent, cost, parameters, dominatedBy }) =>
    [
      policy.padEnd(12),
      `${missPercent.toFixed(2)} %`.padStart(8),
      cost.toFixed(3).padStart(7),
      ` ${JSON.stringify(parameters)}${dominatedBy.length === 0 ? '' : `, dominated by ${dominatedBy.join(', ')}`}`,
    ].join(' '),
  );
  return [
    'front of missed objectives against instance-seconds (1 = the clairvoyant optimum), means of all traces',
    ...lines,
  ].join('\n');
}

function verdict(rows: readonly TraceRow[]): string {
  const lost = rows.filter((row) => row.policy === ours.name && row.dominatedBy.length > 0);
  const stopped = rows.reduce((sum, { stoppedBusy }) => sum + stoppedBusy, 0);
  const outcome =
    lost.length === 0
      ? `${ours.name} is dominated on no trace`
      : `${ours.name} is dominated on ${lost.map(({ trace }) => trace).join(', ')}`;
  return `${outcome}; busy instances stopped: ${stopped}`;
}
