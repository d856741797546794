/**
 * What each version has done and held, over all nodes and all gateways of the pilot: of what agents count from their own
 * start, what grew.
 */
import { durationBoundsMs } from '#model';
import type { FunctionLoad, ReportResponse, UsageRow } from '#proto';
import type { Registry } from '#registry';
import { type Counter, GrownTotals, type StoredTotal } from './grown-totals.ts';

/** Counters of one version over all nodes. */
export interface VersionTotals {
  readonly handled: number;
  readonly failed: number;
  readonly started: number;
  readonly startFailures: number;
  readonly slotSeconds: number;
  readonly busySeconds: number;
  readonly nodeSeconds: number;
  readonly durationMs: number;
  readonly buckets: readonly number[];
}

/** An agent's last report. */
export interface Told {
  readonly entry: Counter;
  readonly report: ReportResponse | undefined;
}

/** Versions that are remembered; of more the oldest go. */
const versionsMax = 2_000;

export class UsageTotals {
  /** By digest. */
  readonly #totals = new GrownTotals(versionsMax);
  readonly #added = new WeakSet<ReportResponse>();

  add(told: readonly Told[]): void {
    for (const { entry, report } of told) {
      // The same one as at the last look, of which a thousand nodes have hundreds: nothing has grown.
      if (!report || this.#added.has(report)) continue;
      this.#added.add(report);
      for (const load of report.loads) this.#totals.add(load.digest, entry, valuesOf(load, report.node?.slots ?? 0));
    }
  }

  /** Undefined for a version that nobody has reported. */
  of(digest: string): VersionTotals | undefined {
    const sum = this.#totals.of(digest);
    return sum && totalsOf(sum);
  }

  /** Versions that are registered, by function and number. */
  rows(registry: Pick<Registry, 'list'>): UsageRow[] {
    return registry.list().flatMap(({ name, versions }) =>
      versions.flatMap(({ number, digest }) => {
        const sum = this.of(digest);
        if (!sum) return [];
        const { handled, failed, nodeSeconds, slotSeconds, busySeconds } = sum;
        return {
          function: name,
          version: number,
          digest,
          events: handled,
          failed,
          nodeSeconds,
          slotSeconds,
          busySeconds,
          scan: '',
        };
      }),
    );
  }

  stored(digests: ReadonlySet<string>): StoredTotal[] {
    return this.#totals.stored((digest) => digests.has(digest));
  }

  restore(totals: readonly StoredTotal[]): void {
    this.#totals.restore(totals);
  }
}

function valuesOf({ handled, failed, counts }: FunctionLoad, slots: number): number[] {
  const slotSeconds = counts?.slotSeconds ?? 0;
  const { counts: buckets = [], sumMs = 0 } = counts?.durations ?? {};
  const { started = 0, startFailures = 0, busySeconds = 0 } = counts ?? {};
  const nodeSeconds = slots > 0 ? slotSeconds / slots : 0;
  return [handled, failed, started, startFailures, slotSeconds, busySeconds, nodeSeconds, sumMs, ...buckets];
}

function totalsOf(values: readonly number[]): VersionTotals {
  const [handled = 0, failed = 0, started = 0, startFailures = 0] = values;
  const [slotSeconds = 0, busySeconds = 0, nodeSeconds = 0, durationMs = 0, ...counts] = values.slice(4);
  const buckets = durationBoundsMs.concat(0).map((_, at) => counts[at] ?? 0);
  return { handled, failed, started, startFailures, slotSeconds, busySeconds, nodeSeconds, durationMs, buckets };
}
