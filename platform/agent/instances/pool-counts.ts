/** What a node has counted of one version since its agent began: durations, starts, and the slots that it held. */
import { durationBoundsMs } from '#model';
import type { Durations } from '#proto';

/** An instance's share of the count: how long it was there. */
interface Counted {
  readonly startedAt: number;
  readonly loaded: boolean;
  readonly unwanted: boolean;
}

export class PoolCounts {
  readonly #cpu: number;
  readonly #buckets: number[] = durationBoundsMs.map(() => 0).concat(0);
  #sumMs = 0;
  #ended = 0;
  #endedMs = 0;
  #startFailures = 0;

  /** `cpu`: slots of one instance. */
  constructor(cpu: number) {
    this.#cpu = cpu;
  }

  addCall(ms: number): void {
    this.#sumMs += ms;
    let at = 0;
    while (at < durationBoundsMs.length && ms > (durationBoundsMs[at] ?? 0)) at++;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  addEnded({ startedAt, loaded, unwanted }: Counted, now: number): void {
    this.#ended++;
    this.#endedMs += Math.max(0, now - startedAt);
    if (!loaded && !unwanted) this.#startFailures++;
  }

  get startFailures(): number {
    return this.#startFailures;
  }

  get durations(): Durations {
    return { counts: [...this.#buckets], sumMs: this.#sumMs };
  }

  get busySeconds(): number {
    return (this.#sumMs / 1_000) * this.#cpu;
  }

  /** With those that are there now. */
  started(present: ReadonlySet<Counted>): number {
    return this.#ended + present.size;
  }

  slotSeconds(present: ReadonlySet<Counted>, now: number): number {
    let ms = this.#endedMs;
    for (const { startedAt } of present) ms += Math.max(0, now - startedAt);
    return (ms / 1_000) * this.#cpu;
  }
}
