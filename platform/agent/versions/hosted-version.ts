/** One function version on this node: its pool of instances, the intakes of its triggers, and the map of its stacks. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { FunctionVersion, TriggerState } from '#proto';
import type { Delivery } from '../events/delivery.ts';
import { FunctionPool } from '../instances/function-pool.ts';
import type { StackMap } from '../instances/stack-map.ts';
import { createIntakes, createShards, type IntakeOptions } from '../intakes/intakes.ts';
import type { TriggerIntake } from '../intakes/trigger-intake.ts';
import type { ShardIntakes } from '../order/shard-intakes.ts';
import type { VersionScans } from '../records/scan-counts.ts';

export interface HostedVersionOptions extends Omit<IntakeOptions, 'pool' | 'mapStack'> {
  readonly version: FunctionVersion;
  readonly stacks: StackMap;
  readonly manager: Promise<JetStreamManager>;
  /** Starts an instance; false when no slot is free. */
  readonly start: (pool: FunctionPool) => boolean;
  readonly hasTime: (pool: FunctionPool) => boolean;
  readonly scans: VersionScans;
}

export class HostedVersion {
  readonly pool: FunctionPool;
  readonly stacks: StackMap;
  readonly #intakes: readonly TriggerIntake[];
  readonly #shards: ShardIntakes;
  #creditPlanned = false;

  constructor(options: HostedVersionOptions) {
    const { version, clock, stacks, start, hasTime, scans } = options;
    this.stacks = stacks;
    this.pool = new FunctionPool({ version, clock, start, hasTime, scans, onRoom: () => this.#planCredit() });
    const intake = { ...options, pool: this.pool, mapStack: (stack: string) => stacks.map(stack) };
    this.#intakes = createIntakes(intake);
    this.#shards = createShards(intake, options.manager);
  }

  /** No longer wanted, and nothing is left to do. */
  get finished(): boolean {
    const { pull, instances, wanted } = this.pool;
    if (pull || wanted > 0 || instances.size > 0) return false;
    return this.#shards.isEmpty && this.#intakes.every((intake) => intake.held.size === 0);
  }

  /** Of 100 events that its intakes pull, `percent` are run by the canary, which has the same triggers. */
  shareWith(canary: HostedVersion | undefined, percent: number): void {
    const others = canary === undefined ? [] : canary.#intakes;
    for (const [at, intake] of this.#intakes.entries()) {
      const other = others[at];
      intake.canary = other && percent > 0 ? { intake: other, percent } : undefined;
    }
  }

  /** What the gateway says of its triggers beside their manifest. */
  setTriggers(states: readonly TriggerState[]): void {
    const triggers = this.pool.version.spec?.triggers ?? [];
    for (const intake of this.#intakes) {
      const state = states.find(({ name }) => name === intake.route.triggerName);
      const speed = triggers.find(({ name }) => name === intake.route.triggerName)?.replaySpeed ?? 0;
      const replay =
        state && state.replayFromMs > 0 && speed > 0
          ? { fromMs: state.replayFromMs, atMs: state.replayAtMs, speed }
          : undefined;
      intake.setState({ paused: state?.paused ?? false, replay });
    }
    this.#shards.setPaused(new Set(states.filter(({ paused }) => paused).map(({ name }) => name)));
  }

  /** With order: the shards that are meant to be handled here. */
  wantShards(shards: readonly number[]): void {
    this.#shards.want(shards);
  }

  /** Those that are. */
  get shards(): number[] {
    return this.#shards.owned;
  }

  /** Events that this node holds under a lease. */
  *held(): Generator<Delivery, void, void> {
    for (const intake of this.#intakes) yield* intake.held.values();
    yield* this.#shards.held();
  }

  updateCredit(): void {
    const triggers = this.pool.version.spec?.triggers.length ?? 0;
    for (const intake of this.#intakes) intake.updateCredit(triggers);
    this.#shards.update();
  }

  stopPulling(): void {
    for (const intake of this.#intakes) intake.stopPulling();
    this.#shards.want([]);
  }

  checkLostPulls(): void {
    for (const intake of this.#intakes) intake.puller.checkLost();
    this.#shards.checkLost();
  }

  /** After a reconnect: the server has forgotten the pulls. */
  resetPulls(): void {
    for (const intake of this.#intakes) intake.puller.reset();
    this.#shards.reset();
  }

  /** The events here are somebody else's now: no ack, no nak, and whoever works on one ends (design, "Leases"). */
  giveUp(reason: string): void {
    for (const delivery of [...this.held()]) delivery.abandon();
    this.#shards.giveUp();
    this.pool.abandonWaiting({ kind: 'lost', reason, ended: true });
    for (const instance of this.pool.instances) instance.end(reason);
  }

  async close(): Promise<void> {
    await this.#shards.close();
    for (const intake of this.#intakes) await intake.close();
  }

  /** Results come many in one chunk: the credit is worked out once behind them. */
  #planCredit(): void {
    if (this.#creditPlanned) return;
    this.#creditPlanned = true;
    // Answers and acks of this turn go out first: what is pulled next must not hold them up.
    setImmediate(() => {
      this.#creditPlanned = false;
      this.updateCredit();
    });
  }
}
