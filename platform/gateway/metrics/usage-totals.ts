/**
 * What each version has done and held since this gateway began: agents count from their own start, so a restarted or lost
 * one would make sums fall. Here only what grew is added.
 */
import { durationBoundsMs } from '#model';
import type { FunctionLoad, ReportResponse, UsageRow } from '#proto';
import type { Registry } from '#registry';

/** Counters of one version, on one node or over all. */
export interface VersionTotals {
  handled: number;
  failed: number;
  started: number;
  startFailures: number;
  slotSeconds: number;
  busySeconds: number;
  nodeSeconds: number;
  durationMs: number;
  readonly buckets: number[];
}

/** Versions that are remembered; of more the oldest go. */
const versionsMax = 2_000;

export class UsageTotals {
  /** By digest. */
  readonly #totals = new Map<string, { readonly function: string; readonly sum: VersionTotals }>();
  /** By node and digest, as last reported. */
  readonly #last = new Map<string, VersionTotals>();

  add(reports: readonly ReportResponse[]): void {
    for (const { node, loads } of reports) {
      if (!node) continue;
      for (const load of loads) this.#addLoad(`${node.id} ${load.digest}`, load, node.slots);
    }
  }

  /** Undefined for a version that nobody has reported. */
  of(digest: string): VersionTotals | undefined {
    return this.#totals.get(digest)?.sum;
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
        };
      }),
    );
  }

  #addLoad(key: string, load: FunctionLoad, slots: number): void {
    const now = totalsOf(load, slots);
    const before = this.#last.get(key);
    this.#last.set(key, now);
    // Fewer calls than before: its agent has begun anew.
    const since = before && before.handled <= now.handled && before.slotSeconds <= now.slotSeconds ? before : undefined;
    const known = this.#totals.get(load.digest) ?? { function: load.function, sum: noTotals() };
    if (!this.#totals.has(load.digest)) this.#remember(load.digest, known);
    addGrown(known.sum, now, since);
  }

  #remember(digest: string, entry: { readonly function: string; readonly sum: VersionTotals }): void {
    this.#totals.set(digest, entry);
    const [oldest] = this.#totals.keys();
    if (this.#totals.size <= versionsMax || oldest === undefined) return;
    this.#totals.delete(oldest);
    for (const key of this.#last.keys()) if (key.endsWith(` ${oldest}`)) this.#last.delete(key);
  }
}

const numbers = [
  'handled',
  'failed',
  'started',
  'startFailures',
  'slotSeconds',
  'busySeconds',
  'nodeSeconds',
  'durationMs',
] as const;

function addGrown(sum: VersionTotals, now: VersionTotals, before: VersionTotals | undefined): void {
  for (const name of numbers) sum[name] += Math.max(0, now[name] - (before?.[name] ?? 0));
  for (const [at, count] of now.buckets.entries())
    sum.buckets[at] = (sum.buckets[at] ?? 0) + Math.max(0, count - (before?.buckets[at] ?? 0));
}

function totalsOf({ handled, failed, counts }: FunctionLoad, slots: number): VersionTotals {
  const slotSeconds = counts?.slotSeconds ?? 0;
  return {
    handled,
    failed,
    started: counts?.started ?? 0,
    startFailures: counts?.startFailures ?? 0,
    slotSeconds,
    busySeconds: counts?.busySeconds ?? 0,
    nodeSeconds: slots > 0 ? slotSeconds / slots : 0,
    durationMs: counts?.durations?.sumMs ?? 0,
    buckets: durationBoundsMs.concat(0).map((_, at) => counts?.durations?.counts[at] ?? 0),
  };
}

function noTotals(): VersionTotals {
  return totalsOf({ handled: 0, failed: 0, counts: undefined } as FunctionLoad, 0);
}
