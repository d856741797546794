/** Numbered events through `echo`, and what came out of them: the means of every delivery test. */
import { join } from 'node:path';
import { systemClock } from '#common';
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';
import { untilIdle } from './until-idle.ts';

export const echoPath = join(import.meta.dirname, '../../functions/echo');

export interface NumberedRun {
  /** Result count by number. */
  readonly results: Map<number, number>;
  /** Milliseconds (monotonic) at which results came. */
  readonly times: number[];
  /** Resolves when all events are published and stored. */
  readonly published: Promise<void>;
  /** Resolves when every number has a result and the function has nothing left to do. */
  finished(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Where the events go and where their results come from: `<subject>.<run>-<number>` to `<output>.<run>-<number>`. */
export interface NumberedThrough {
  readonly function: string;
  readonly subject: string;
  readonly output: string;
}

const throughEcho: NumberedThrough = { function: 'echo', subject: 'numbers', output: 'echoed' };

/** Publishes `count` events named `run` at `rate` a second, and reads the results from the start. */
export async function publishNumbered(
  pilot: TestPilot,
  run: string,
  count: number,
  rate: number,
  through: NumberedThrough = throughEcho,
): Promise<NumberedRun> {
  const source = await pilot.events('source');
  const viewer = await pilot.events('viewer');
  const results = new Map<number, number>();
  const times: number[] = [];
  const reading = new AbortController();
  const read = (async () => {
    for await (const event of await viewer.read(`${through.output}.*`, { from: 'all', signal: reading.signal })) {
      const [, name, number] = /^[^.]+\.(.+)-(\d+)$/.exec(event.subject) ?? [];
      if (name !== run) continue;
      results.set(Number(number), (results.get(Number(number)) ?? 0) + 1);
      times.push(performance.now());
    }
  })();
  const published = (async () => {
    const startedAt = performance.now();
    for (let number = 0; number < count; number++) {
      const early = startedAt + (number * 1_000) / rate - performance.now();
      if (early > 1) await systemClock.sleep(early);
      await source.publish(`${through.subject}.${run}-${number}`, `payload ${number}`, { id: `${run}-${number}` });
    }
    await source.flush();
  })();
  return {
    results,
    times,
    published,
    async finished(timeoutMs) {
      await published;
      await eventually(() => results.size === count, { timeoutMs, what: `${count} results of ${run}` });
      await untilIdle(pilot, through.function, timeoutMs);
    },
    async close() {
      reading.abort();
      await read;
      await source.close();
      await viewer.close();
    },
  };
}

/** Numbers whose result count is not exactly one. */
export function wrongCounts(run: NumberedRun, count: number): string[] {
  return Array.from({ length: count }, (_, number) => number)
    .filter((number) => run.results.get(number) !== 1)
    .map((number) => `${number}: ${run.results.get(number) ?? 0} results`);
}
