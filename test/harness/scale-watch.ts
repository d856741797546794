/** What a function's instances do over time, as `Watch` tells it. */
import type { FunctionSummary } from '#proto';
import type { TestPilot } from './pilot.ts';

export interface ScaleSample {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly wanted: number;
  readonly ready: number;
  readonly lag: number;
}

export class ScaleWatch {
  readonly samples: ScaleSample[] = [];
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(pilot: TestPilot, name: string) {
    this.#watching = this.#watch(pilot, name);
  }

  get last(): ScaleSample | undefined {
    return this.samples.at(-1);
  }

  /** Most instances wanted between two times. */
  mostWanted(from: number, to = Number.POSITIVE_INFINITY): number {
    return Math.max(0, ...this.#between(from, to).map(({ wanted }) => wanted));
  }

  mostLag(from: number, to = Number.POSITIVE_INFINITY): number {
    return Math.max(0, ...this.#between(from, to).map(({ lag }) => lag));
  }

  /** Milliseconds after `from` until so many were ready. */
  untilReady(from: number, count: number): number {
    const sample = this.samples.find(({ at, ready }) => at >= from && ready >= count);
    return sample ? sample.at - from : Number.POSITIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  #between(from: number, to: number): ScaleSample[] {
    return this.samples.filter(({ at }) => at >= from && at <= to);
  }

  async #watch(pilot: TestPilot, name: string): Promise<void> {
    for await (const { functions } of pilot.client.watch(this.#stop.signal)) {
      const summary = functions.find((each: FunctionSummary) => each.name === name);
      if (!summary) continue;
      const { instancesWanted: wanted, instancesReady: ready, lag } = summary;
      this.samples.push({ at: performance.now(), wanted, ready, lag });
    }
  }
}
