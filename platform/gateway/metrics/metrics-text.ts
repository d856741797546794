/** The whole page for Prometheus, as things stand now. */
import type { Fleet } from '../fleet.ts';
import type { JobWatch } from '../job-watch.ts';
import { type FunctionViewOptions, pilotJobs, summaries } from '../observe/index.ts';
import { expositionText } from './exposition.ts';
import { families } from './families.ts';
import type { UsageTotals } from './usage-totals.ts';

export interface MetricsOptions extends FunctionViewOptions {
  readonly fleet: Fleet;
  readonly jobs: JobWatch;
  readonly usage: UsageTotals;
}

export async function metricsText(options: MetricsOptions): Promise<string> {
  const { fleet, jobs, usage, registry, scaling, deadLetters } = options;
  await deadLetters.refresh();
  usage.add(fleet.reports());
  const { user, system } = process.cpuUsage();
  return expositionText(
    families({
      nodes: fleet.list(),
      functions: summaries(options),
      jobs: pilotJobs(fleet, jobs),
      registry,
      usage,
      roundMs: scaling.roundMs,
      process: {
        cpuSeconds: (user + system) / 1e6,
        residentBytes: process.memoryUsage.rss(),
        startedAtMs: Math.round(performance.timeOrigin),
      },
    }),
  );
}
