/** The instances on this node, each with the pool that it works for: starts them, has spares beside them, and sees them end. */
import type { Clock } from '#common';
import type { FunctionVersion } from '#proto';
import type { Logger } from '#telemetry';
import { endInstances } from './end-instances.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Instance } from './instance.ts';
import type { InstanceStarter } from './instance-starter.ts';
import { SpareInstances, versionsWithSpare } from './spare-instances.ts';

export interface NodeInstancesOptions {
  readonly starter: InstanceStarter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One has come, or has become ready. */
  readonly onChange: () => void;
  /** One has gone: there is a slot. */
  readonly onEnded: () => void;
}

interface PooledInstance {
  readonly instance: Instance;
  readonly pool: FunctionPool;
}

export class NodeInstances {
  readonly #options: NodeInstancesOptions;
  readonly #instances = new Map<string, PooledInstance>();
  readonly #spares: SpareInstances;

  constructor(options: NodeInstancesOptions) {
    const { starter, clock } = options;
    this.#options = options;
    this.#spares = new SpareInstances({
      start: (version, events) => starter.start(version, events, { spare: true }),
      now: () => clock.monotonic(),
    });
  }

  list(): PooledInstance[] {
    return [...this.#instances.values()];
  }

  /** Loaded instances that wait to be used. */
  spares(): ReturnType<SpareInstances['list']> {
    return this.#spares.list();
  }

  *withSpares(): Generator<Instance, void, void> {
    for (const { instance } of this.#instances.values()) yield instance;
    for (const { instance } of this.#spares.list()) yield instance;
  }

  /** Those that may start processes of their own. */
  foreign(): Instance[] {
    return this.list().flatMap(({ instance, pool }) => (pool.version.spec?.kind === 'process' ? [instance] : []));
  }

  /** The version may be wanted soon. */
  prepare(version: FunctionVersion): void {
    this.#options.starter.prepare(version);
  }

  /** Its slot is taken from now on: two starts cannot claim the same one. */
  start(pool: FunctionPool): void {
    const { starter, clock, onChange } = this.#options;
    const events = {
      onReady: () => {
        if (!spare) pool.startMs = clock.now() - instance.startedAt;
        pool.instanceReady();
        onChange();
      },
      onRoom: () => pool.dispatch(),
      onEnded: (ended: Instance, reason: string, unstarted: Parameters<FunctionPool['instanceEnded']>[2]) =>
        this.#ended({ instance: ended, pool }, reason, unstarted),
    };
    const spare = this.#spares.take(pool.version.digest, events);
    if (spare) starter.adopt(spare);
    const instance = spare ?? starter.start(pool.version, events);
    pool.instances.add(instance);
    this.#instances.set(instance.id, { instance, pool });
    // Its pool has put the calls that wait in line by the time this runs.
    if (spare) queueMicrotask(() => events.onReady());
    onChange();
  }

  drain(id: string): void {
    this.#instances.get(id)?.instance.drain();
  }

  /** Time has passed. */
  checkTimeouts(): void {
    const now = this.#options.clock.monotonic();
    for (const { instance } of this.list()) instance.checkTimeouts(now);
  }

  keepSpares(pools: readonly FunctionPool[]): void {
    this.#spares.keep(versionsWithSpare(pools));
  }

  /** Starts none any more. */
  close(): void {
    this.#options.starter.close();
    this.#spares.keep([]);
  }

  /** Lets them end within the grace time; returns how many were ended by force. */
  async endAll(graceMs: number): Promise<number> {
    return await endInstances(this.#instances, graceMs, this.#options.clock);
  }

  #ended(
    { instance, pool }: PooledInstance,
    reason: string,
    unstarted: Parameters<FunctionPool['instanceEnded']>[2],
  ): void {
    this.#instances.delete(instance.id);
    this.#options.logger.info(
      { function: pool.version.function, instance: instance.id, reason: reason.split('\n')[0] },
      'instance ended',
    );
    pool.instanceEnded(instance, reason, unstarted);
    this.#options.onEnded();
  }
}
