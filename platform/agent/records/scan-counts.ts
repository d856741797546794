/**
 * What each scan has cost on this node: events and the time that their handlers took, by version. A scan is what the first
 * wildcard of a trigger's subject stands for, or the key of its gather.
 */
import type { Clock } from '#common';
import type { FunctionVersion, ScanCounts } from '#proto';

/** Of one version; more are counted together under the empty name. */
const scansMax = 512;
/** A scan that nobody counted for this long makes room for another. */
const idleMs = 10 * 60_000;
/** Where each event has a name of its own, a look through all at each of them would cost more than handling it. */
const dropEveryMs = 10_000;
/** Of more, the one that was deployed first is forgotten. */
const versionsMax = 256;
const nameCharsMax = 128;

interface Counted {
  readonly sinceMs: number;
  events: number;
  failed: number;
  busyMs: number;
  lastAt: number;
  revision: number;
}

export class VersionScans {
  revision = 0;
  readonly #version: Pick<FunctionVersion, 'function' | 'digest' | 'spec'>;
  readonly #clock: Clock;
  readonly #scans = new Map<string, Counted>();
  #droppedAt = Number.NEGATIVE_INFINITY;

  constructor(version: Pick<FunctionVersion, 'function' | 'digest' | 'spec'>, clock: Clock) {
    this.#version = version;
    this.#clock = clock;
  }

  // biome-ignore lint/complexity/useMaxParams: once an event; an object for the list would cost more than the list.
  add(scan: string, events: number, ok: boolean, ms: number): void {
    const counted = this.#scans.get(scan) ?? this.#enter(scan.slice(0, nameCharsMax));
    if (ok) counted.events += events;
    else counted.failed += events;
    counted.busyMs += ms;
    counted.lastAt = this.#clock.monotonic();
    counted.revision = ++this.revision;
  }

  since(revision: number): ScanCounts[] {
    const { function: functionName, digest, spec } = this.#version;
    const cpu = spec?.resources?.cpu ?? 1;
    return [...this.#scans].flatMap(([scan, { sinceMs, events, failed, busyMs, revision: at }]) =>
      at > revision
        ? [{ function: functionName, digest, scan, sinceMs, events, failed, busySeconds: (busyMs / 1_000) * cpu }]
        : [],
    );
  }

  #enter(scan: string): Counted {
    if (this.#scans.size >= scansMax) this.#dropIdle();
    const name = this.#scans.size >= scansMax ? '' : scan;
    const known = this.#scans.get(name);
    if (known) return known;
    const counted = { sinceMs: this.#clock.now(), events: 0, failed: 0, busyMs: 0, lastAt: 0, revision: 0 };
    this.#scans.set(name, counted);
    return counted;
  }

  #dropIdle(): void {
    const now = this.#clock.monotonic();
    if (now - this.#droppedAt < dropEveryMs) return;
    this.#droppedAt = now;
    const before = now - idleMs;
    for (const [scan, { lastAt }] of this.#scans) if (lastAt < before) this.#scans.delete(scan);
  }
}

/** Of all versions that the node has run. */
export class ScanBook {
  readonly #clock: Clock;
  readonly #versions = new Map<string, VersionScans>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(version: FunctionVersion): VersionScans {
    const scans = this.#versions.get(version.digest) ?? new VersionScans(version, this.#clock);
    this.#versions.set(version.digest, scans);
    const [first] = this.#versions.keys();
    if (this.#versions.size > versionsMax && first !== undefined) this.#versions.delete(first);
    return scans;
  }

  /** Reads what has changed since it was last asked; all of it, the first time. */
  reader(): () => ScanCounts[] {
    const seen = new Map<string, number>();
    return () =>
      [...this.#versions].flatMap(([digest, scans]) => {
        const before = seen.get(digest) ?? 0;
        if (scans.revision === before) return [];
        seen.set(digest, scans.revision);
        return scans.since(before);
      });
  }
}
