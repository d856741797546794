/** What an agent must start and drain so that its instances become the wanted ones. Pure; slots are never exceeded. */

export interface ReconcileInstance {
  readonly id: string;
  readonly phase: 'starting' | 'ready' | 'draining' | 'stopped';
  readonly inFlight: number;
}

export interface ReconcilePool {
  readonly digest: string;
  readonly wanted: number;
  /** Slots of one instance. */
  readonly cpu: number;
  /** A start has just failed and is not tried again yet. */
  readonly held: boolean;
  readonly instances: readonly ReconcileInstance[];
}

export interface ReconcileActions {
  /** Digests, one entry an instance to start. */
  readonly start: readonly string[];
  /** Ids of instances to drain. */
  readonly drain: readonly string[];
}

export function reconcile(pools: readonly ReconcilePool[], slots: number): ReconcileActions {
  const start: string[] = [];
  const drain: string[] = [];
  // A draining instance holds its slots until its process is gone.
  let free = slots - slotsUsed(pools);
  for (const pool of pools) {
    const active = pool.instances.filter((instance) => instance.phase === 'starting' || instance.phase === 'ready');
    const surplus = active.length - pool.wanted;
    // R5: those that do nothing go first; starting ones hold no event at all.
    if (surplus > 0)
      drain.push(
        ...[...active]
          .sort(byLoad)
          .slice(0, surplus)
          .map((instance) => instance.id),
      );
  }
  for (const pool of pools) {
    if (pool.held) continue;
    const active = pool.instances.filter(
      (instance) => instance.phase === 'starting' || instance.phase === 'ready',
    ).length;
    for (let missing = pool.wanted - active; missing > 0 && free >= pool.cpu; missing--) {
      start.push(pool.digest);
      free -= pool.cpu;
    }
  }
  return { start, drain };
}

/** Slots that processes hold now, whatever their phase. */
export function slotsUsed(pools: readonly ReconcilePool[]): number {
  return pools.reduce((sum, pool) => sum + pool.cpu * pool.instances.length, 0);
}

function byLoad(a: ReconcileInstance, b: ReconcileInstance): number {
  return loadRank(a) - loadRank(b);
}

function loadRank(instance: ReconcileInstance): number {
  return instance.phase === 'starting' ? -1 : instance.inFlight;
}
