/** The function versions on this node, by digest: those that are wanted, and those whose last calls still run. */
import type { ArtifactStore } from '#broker';
import type { FunctionVersion, WantedFunction } from '#proto';
import type { FunctionPool } from '../instances/function-pool.ts';
import { StackMap } from '../instances/stack-map.ts';
import type { ScanBook } from '../records/scan-counts.ts';
import { HostedVersion, type HostedVersionOptions } from './hosted-version.ts';

export interface HostedVersionsOptions extends Omit<HostedVersionOptions, 'version' | 'stacks' | 'scans'> {
  readonly artifacts: ArtifactStore;
  readonly scans: ScanBook;
  /** One is here from now on. */
  readonly onHosted: (version: FunctionVersion) => void;
}

export class HostedVersions {
  readonly #options: HostedVersionsOptions;
  readonly #hosted = new Map<string, HostedVersion>();

  constructor(options: HostedVersionsOptions) {
    this.#options = options;
  }

  find(digest: string): HostedVersion | undefined {
    return this.#hosted.get(digest);
  }

  pools(): FunctionPool[] {
    return [...this.#hosted.values()].map(({ pool }) => pool);
  }

  *held() {
    for (const hosted of this.#hosted.values()) yield* hosted.held();
  }

  /** States which are wanted; what is not named has no instances wanted and pulls nothing. */
  want(entries: readonly WantedFunction[]): void {
    const wanted = new Map(entries.map((entry) => [entry.version?.digest ?? '', entry]));
    for (const [digest, entry] of wanted) this.#want(digest, entry);
    for (const [digest, hosted] of this.#hosted) if (!wanted.has(digest)) letGo(hosted);
    for (const entry of entries) {
      const canary = this.#hosted.get(entry.canaryDigest);
      this.#hosted.get(entry.version?.digest ?? '')?.shareWith(canary, entry.canaryPercent);
    }
  }

  updateCredit(): void {
    for (const hosted of this.#hosted.values()) hosted.updateCredit();
  }

  /** Those that are no longer wanted and have nothing left to do. */
  closeFinished(): void {
    for (const [digest, hosted] of this.#hosted) {
      if (!hosted.finished) continue;
      this.#hosted.delete(digest);
      void hosted.close();
    }
  }

  /** No more comes in: calls that wait go to other nodes, instances end once they are idle. */
  drain(reason: string): void {
    for (const hosted of this.#hosted.values()) {
      hosted.stopPulling();
      hosted.pool.wanted = 0;
      hosted.pool.abandonWaiting({ kind: 'unstartable', reason });
      for (const instance of hosted.pool.instances) instance.drain();
    }
  }

  /** The events here belong to other agents now. */
  giveUp(reason: string): void {
    for (const hosted of this.#hosted.values()) hosted.giveUp(reason);
  }

  checkLostPulls(): void {
    for (const hosted of this.#hosted.values()) hosted.checkLostPulls();
  }

  resetPulls(): void {
    for (const hosted of this.#hosted.values()) hosted.resetPulls();
  }

  async close(): Promise<void> {
    for (const hosted of this.#hosted.values()) await hosted.close();
  }

  #want(digest: string, entry: WantedFunction): void {
    if (!entry.version) return;
    const hosted = this.#hosted.get(digest) ?? this.#host(entry.version);
    hosted.setTriggers(entry.triggers);
    hosted.wantShards(entry.pull ? entry.shards : []);
    const { pool } = hosted;
    pool.wanted = entry.instances;
    pool.activator = entry.activator;
    pool.pull = entry.pull;
  }

  #host(version: FunctionVersion): HostedVersion {
    const { artifacts, scans, onHosted } = this.#options;
    const stacks = new StackMap(artifacts, version.sourceMapDigest, version.spec?.kind === 'wasm');
    const hosted = new HostedVersion({ ...this.#options, version, stacks, scans: scans.of(version) });
    this.#hosted.set(version.digest, hosted);
    onHosted(version);
    return hosted;
  }
}

function letGo(hosted: HostedVersion): void {
  const { pool } = hosted;
  hosted.wantShards([]);
  pool.wanted = 0;
  pool.activator = false;
  pool.pull = false;
  // Removed, or replaced by a newer version: nothing is waited for.
  pool.wokenAt = Number.NEGATIVE_INFINITY;
}
