/** Watches the canaries that are tried, and withdraws one that does worse than was set. */
import { messageOf } from '#common';
import type { FunctionLoad, ReportResponse } from '#proto';
import type { Registry } from '#registry';
import { type CanaryRecord, judgeCanary } from '#routing';
import type { Logger } from '#telemetry';

export interface CanaryWatchOptions {
  readonly registry: Registry;
  readonly logger: Logger;
}

/** What one node has last said of a canary. */
interface Seen {
  readonly handled: number;
  readonly failed: number;
}

interface Watched {
  readonly startedAtMs: number;
  readonly seen: Map<string, Seen>;
  handled: number;
  failed: number;
}

export class CanaryWatch {
  readonly #options: CanaryWatchOptions;
  /** By function. */
  readonly #watched = new Map<string, Watched>();

  constructor(options: CanaryWatchOptions) {
    this.#options = options;
  }

  /** Looks at what the nodes report; resolves once every canary that has to go is withdrawn. */
  async look(reports: readonly ReportResponse[]): Promise<void> {
    const { registry, logger } = this.#options;
    for (const { name } of registry.list()) {
      const tried = registry.canaryOf(name);
      if (!tried) {
        this.#watched.delete(name);
        continue;
      }
      const { version, canary } = tried;
      const why = judgeCanary(this.#record(name, canary.startedAtMs, version.digest, reports), {
        errorPercentMax: canary.errorPercentMax,
        p99MsMax: canary.p99MsMax,
      });
      if (why === undefined) continue;
      logger.warn({ function: name, version: version.number, why }, 'canary withdrawn');
      await registry
        .endCanary(name, `withdrawn: ${why}`)
        .catch((error: unknown) => logger.error({ function: name, error: messageOf(error) }, 'canary not withdrawn'));
    }
  }

  /** Counts what has come since the canary began; an agent that started anew counts from zero again. */
  #record(name: string, startedAtMs: number, digest: string, reports: readonly ReportResponse[]): CanaryRecord {
    let watched = this.#watched.get(name);
    const isNew = watched?.startedAtMs !== startedAtMs;
    if (!watched || isNew) {
      watched = { startedAtMs, seen: new Map(), handled: 0, failed: 0 };
      this.#watched.set(name, watched);
    }
    let p99Ms = 0;
    for (const { node, loads } of reports) {
      const load = loads.find((each) => each.digest === digest);
      if (!node || !load) continue;
      // A version that ran before, as the latest, say, is not judged by its past.
      const before = watched.seen.get(node.id) ?? (isNew ? load : { handled: 0, failed: 0 });
      watched.handled += since(before, load, 'handled');
      watched.failed += since(before, load, 'failed');
      watched.seen.set(node.id, { handled: load.handled, failed: load.failed });
      p99Ms = Math.max(p99Ms, load.p99Ms);
    }
    return { handled: watched.handled, failed: watched.failed, p99Ms };
  }
}

function since(before: Seen, now: FunctionLoad, what: keyof Seen): number {
  return now[what] >= before[what] ? now[what] - before[what] : now[what];
}
