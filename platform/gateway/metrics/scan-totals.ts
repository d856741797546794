/** What each scan has cost, over all nodes and gateways: the newest scans of the pilot. */
import type { ScanCounts, UsageRow } from '#proto';
import type { Registry } from '#registry';
import { GrownTotals, type StoredTotal } from './grown-totals.ts';

/** Versions times scans; of more the oldest are forgotten. */
const scansMax = 10_000;

export class ScanTotals {
  /** By digest and scan. */
  readonly #totals = new GrownTotals(scansMax);

  add(node: { readonly id: string; readonly slots: number }, told: readonly ScanCounts[]): void {
    for (const { digest, scan, sinceMs, events, failed, busySeconds } of told) {
      const nodeSeconds = node.slots > 0 ? busySeconds / node.slots : 0;
      const values = [events, failed, busySeconds, nodeSeconds];
      this.#totals.add(`${digest} ${scan}`, { node: node.id, startedAt: sinceMs }, values);
    }
  }

  /** Of versions that are registered, in the order in which their scans came. */
  rows(registry: Pick<Registry, 'list'>): UsageRow[] {
    const versions = new Map(
      registry.list().flatMap(({ name, versions }) => versions.map(({ number, digest }) => [digest, { name, number }])),
    );
    return [...this.#totals.keys()].flatMap((key) => {
      const [digest = '', scan = ''] = splitKey(key);
      const version = versions.get(digest);
      const [events = 0, failed = 0, busySeconds = 0, nodeSeconds = 0] = this.#totals.of(key) ?? [];
      if (!version) return [];
      const { name, number } = version;
      return {
        function: name,
        version: number,
        digest,
        scan,
        events,
        failed,
        nodeSeconds,
        slotSeconds: 0,
        busySeconds,
      };
    });
  }

  stored(digests: ReadonlySet<string>): StoredTotal[] {
    return this.#totals.stored((key) => digests.has(splitKey(key)[0] ?? ''));
  }

  restore(totals: readonly StoredTotal[]): void {
    this.#totals.restore(totals);
  }
}

/** Digests hold no blanks. */
function splitKey(key: string): string[] {
  const at = key.indexOf(' ');
  return [key.slice(0, at), key.slice(at + 1)];
}
