/**
 * One loaded instance for each function marked `latency`, besides those that work: a first call then waits for nothing.
 * A spare takes no slot until it is used; behind it the next one is loaded.
 */
import type { FunctionVersion } from '#proto';
import type { FunctionPool } from './function-pool.ts';
import type { Instance } from './instance.ts';
import type { InstanceEvents } from './instance-options.ts';

type SpareEvents = Pick<InstanceEvents<Instance>, 'onReady' | 'onRoom' | 'onEnded'>;

export interface SpareInstancesOptions {
  readonly start: (version: FunctionVersion, events: SpareEvents) => Instance;
  readonly now: () => number;
}

/** After a spare was used the next one waits: the first calls have the processor to themselves. */
const replaceAfterMs = 1_000;
/** A spare that could not be loaded, or ended by itself, is not tried at once again. */
const retryAfterMs = 10_000;

interface Spare {
  readonly version: FunctionVersion;
  readonly instance: Instance;
  /** Set once it has been taken. */
  owner: SpareEvents | undefined;
}

export class SpareInstances {
  readonly #options: SpareInstancesOptions;
  /** By the version's digest. */
  readonly #spares = new Map<string, Spare>();
  readonly #notBefore = new Map<string, number>();

  constructor(options: SpareInstancesOptions) {
    this.#options = options;
  }

  /** Those that wait, ready or not. */
  list(): readonly { readonly instance: Instance; readonly version: FunctionVersion }[] {
    return [...this.#spares.values()];
  }

  /** States which versions have one; called often. */
  keep(versions: readonly FunctionVersion[]): void {
    const wanted = new Set(versions.map(({ digest }) => digest));
    for (const [digest, { instance }] of this.#spares) if (!wanted.has(digest)) instance.end('it was no longer wanted');
    for (const digest of this.#notBefore.keys()) if (!wanted.has(digest)) this.#notBefore.delete(digest);
    for (const version of versions) {
      const isDue = this.#options.now() >= (this.#notBefore.get(version.digest) ?? 0);
      if (isDue && !this.#spares.has(version.digest)) this.#start(version);
    }
  }

  /** The loaded spare of the version, which from now on reports to `owner`; undefined where none is ready. */
  take(digest: string, owner: SpareEvents): Instance | undefined {
    const spare = this.#spares.get(digest);
    if (spare?.instance.phase !== 'ready') return undefined;
    spare.owner = owner;
    this.#forget(digest, replaceAfterMs);
    return spare.instance;
  }

  #start(version: FunctionVersion): void {
    const { digest } = version;
    const spare: Spare = {
      version,
      owner: undefined,
      instance: this.#options.start(version, {
        onReady: () => undefined,
        onRoom: (instance) => spare.owner?.onRoom(instance),
        onEnded: (instance, reason, unstarted) => {
          if (spare.owner) spare.owner.onEnded(instance, reason, unstarted);
          else if (this.#spares.get(digest) === spare) this.#forget(digest, retryAfterMs);
        },
      }),
    };
    this.#spares.set(digest, spare);
  }

  #forget(digest: string, waitMs: number): void {
    this.#spares.delete(digest);
    this.#notBefore.set(digest, this.#options.now() + waitMs);
  }
}

/**
 * Functions that must answer at once, where the first call of one would come, or more of them are served. None that takes GPUs:
 * a spare would keep them from the others.
 */
export function versionsWithSpare(
  pools: readonly Pick<FunctionPool, 'version' | 'pull' | 'activator' | 'wanted'>[],
): FunctionVersion[] {
  return pools
    .filter(({ version, pull, activator, wanted }) => version.spec?.latency && pull && (activator || wanted > 0))
    .filter(({ version }) => !version.spec?.resources?.gpus)
    .map(({ version }) => version);
}
