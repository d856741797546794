/** The shards of one function version that this node is to handle: those it has, those it takes and those it lets go. */
import type { Trigger } from '#proto';
import type { Delivery } from '../events/delivery.ts';
import type { ShardIntake } from './shard-intake.ts';

export class ShardIntakes {
  readonly #triggers: readonly Trigger[];
  readonly #create: (trigger: Trigger, shard: number) => ShardIntake;
  /** By shard, one for each trigger. */
  readonly #shards = new Map<number, readonly ShardIntake[]>();
  readonly #leaving = new Set<ShardIntake>();
  #paused: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(triggers: readonly Trigger[], create: (trigger: Trigger, shard: number) => ShardIntake) {
    this.#triggers = triggers;
    this.#create = create;
  }

  /** Shards of which every trigger's events are handled here and nowhere else. */
  get owned(): number[] {
    return [...this.#shards].flatMap(([shard, intakes]) => (intakes.every(({ isOwner }) => isOwner) ? [shard] : []));
  }

  /** Nothing is held or being let go. */
  get isEmpty(): boolean {
    return this.#shards.size === 0 && this.#leaving.size === 0;
  }

  /** States which shards are meant to be here. */
  want(shards: readonly number[]): void {
    if (this.#closed || this.#triggers.length === 0) return;
    for (const [shard, intakes] of this.#shards) {
      if (shards.includes(shard)) continue;
      this.#shards.delete(shard);
      for (const intake of intakes) void this.#letGo(intake);
    }
    for (const shard of shards) {
      if (this.#shards.has(shard)) continue;
      this.#shards.set(
        shard,
        this.#triggers.map((trigger) => {
          const intake = this.#create(trigger, shard);
          intake.setPaused(this.#paused.has(trigger.name));
          return intake;
        }),
      );
    }
  }

  /** Triggers of which nothing new is begun; their events stay in line. */
  setPaused(triggers: ReadonlySet<string>): void {
    this.#paused = triggers;
    for (const intake of this.#all()) intake.setPaused(triggers.has(intake.trigger));
  }

  *held(): Generator<Delivery, void, void> {
    for (const intake of this.#all()) yield* intake.held.values();
  }

  update(): void {
    for (const intake of this.#all()) intake.update();
  }

  checkLost(): void {
    for (const intake of this.#all()) intake.checkLost();
  }

  reset(): void {
    for (const intake of this.#all()) intake.reset();
  }

  giveUp(): void {
    for (const intake of this.#all()) intake.giveUp();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all()].map((intake) => intake.close()));
    this.#shards.clear();
  }

  async #letGo(intake: ShardIntake): Promise<void> {
    this.#leaving.add(intake);
    await intake.leave();
    this.#leaving.delete(intake);
  }

  *#all(): Generator<ShardIntake, void, void> {
    for (const intakes of this.#shards.values()) yield* intakes;
    yield* this.#leaving;
  }
}
