/** Watches instances come and go, for the demo's table. */
import type { PilotClient } from '#client';
import { PlatformError } from '#common';

export interface FleetSample {
  /** Seconds since the watch began. */
  readonly seconds: number;
  /** Ready instances of gridrec by node. */
  readonly ready: ReadonlyMap<string, number>;
}

export class FleetWatch {
  readonly samples: FleetSample[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(client: PilotClient, functionName: string) {
    this.#done = this.#watch(client, functionName);
  }

  get instancesMax(): number {
    return Math.max(0, ...this.samples.map(({ ready }) => [...ready.values()].reduce((sum, count) => sum + count, 0)));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #watch(client: PilotClient, functionName: string): Promise<void> {
    const startedAt = performance.now();
    try {
      for await (const { nodes } of client.watch(this.#stop.signal)) {
        const ready = new Map<string, number>();
        for (const instance of nodes.flatMap((node) => node.instances)) {
          if (instance.function === functionName && instance.state === 'ready')
            ready.set(instance.node, (ready.get(instance.node) ?? 0) + 1);
        }
        this.samples.push({ seconds: (performance.now() - startedAt) / 1_000, ready });
      }
    } catch (error) {
      // The watch is for show; what must hold is checked on the events.
      if (!this.#stop.signal.aborted) process.stderr.write(`watch: ${PlatformError.from(error).message}\n`);
    }
  }
}

/** One character a sample: the number of ready instances, as bars. */
export function sparkline(samples: readonly FleetSample[], width: number): string {
  const bars = ' ▁▂▃▄▅▆▇█';
  const last = samples.at(-1)?.seconds ?? 0;
  const counts = Array.from({ length: width }, (_, at) => {
    const until = ((at + 1) * last) / width;
    const sample = samples.findLast(({ seconds }) => seconds <= until);
    return sample ? [...sample.ready.values()].reduce((sum, count) => sum + count, 0) : 0;
  });
  const most = Math.max(1, ...counts);
  return counts.map((count) => bars[Math.round((count / most) * (bars.length - 1))]).join('');
}
