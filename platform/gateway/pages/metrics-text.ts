/** The whole page for Prometheus, as things stand now. */

import { expositionText } from '../metrics/exposition.ts';
import type { UsageTotals } from '../metrics/usage-totals.ts';
import type { UserTotals } from '../metrics/user-totals.ts';
import type { Fleet } from '../nodes/fleet.ts';
import type { JobWatch } from '../nodes/job-watch.ts';
import { type FunctionViewOptions, pilotJobs, summaries } from '../observe/index.ts';
import { families } from './families.ts';

export interface MetricsOptions extends FunctionViewOptions {
  readonly fleet: Fleet;
  readonly jobs: JobWatch;
  readonly usage: UsageTotals;
  readonly user: UserTotals;
}

export async function metricsText(options: MetricsOptions): Promise<string> {
  const { fleet, jobs, usage, user, registry, scaling, deadLetters } = options;
  await deadLetters.refresh();
  usage.add(fleet.ready());
  const cpu = process.cpuUsage();
  const nodes = fleet.list();
  const functions = summaries(options);
  const present = new Set(nodes.flatMap(({ id, state }) => (state === 'lost' ? [] : [id])));
  return expositionText([
    ...families({
      nodes,
      functions,
      jobs: pilotJobs(fleet, jobs),
      registry,
      usage,
      roundMs: scaling.roundMs,
      process: {
        cpuSeconds: (cpu.user + cpu.system) / 1e6,
        residentBytes: process.memoryUsage.rss(),
        startedAtMs: Math.round(performance.timeOrigin),
      },
    }),
    ...user.families(new Set(functions.map(({ name }) => name)), present),
  ]);
}
