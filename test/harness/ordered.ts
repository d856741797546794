/** Numbered events of several keys through a function with order, and what came out, in the order in which it was stored. */
import { systemClock } from '#common';
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';
import { untilIdle } from './until-idle.ts';

export interface OrderedRun {
  /** Numbers by key, as their results are stored. */
  readonly results: Map<string, number[]>;
  readonly published: Promise<void>;
  /** Resolves when `expected` numbers have a result and the function has nothing left to do. */
  finished(expected: number, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface OrderedOptions {
  readonly function: string;
  /** `<subject>.<key>` to `<output>.<key>`; the payload is the number. */
  readonly subject: string;
  readonly output: string;
  readonly keys: number;
  /** Of each key. */
  readonly count: number;
  /** Events a second, all keys together. */
  readonly rate: number;
}

export async function publishOrdered(pilot: TestPilot, options: OrderedOptions): Promise<OrderedRun> {
  const { subject, output, keys, count, rate } = options;
  const source = await pilot.events('source');
  const viewer = await pilot.events('viewer');
  const results = new Map<string, number[]>();
  const reading = new AbortController();
  const read = (async () => {
    for await (const event of await viewer.read(`${output}.*`, { from: 'all', signal: reading.signal })) {
      const key = event.subject.slice(output.length + 1);
      results.set(key, [...(results.get(key) ?? []), Number(Buffer.from(event.data).toString())]);
    }
  })();
  const published = (async () => {
    const startedAt = performance.now();
    for (let at = 0; at < count * keys; at++) {
      const early = startedAt + (at * 1_000) / rate - performance.now();
      if (early > 1) await systemClock.sleep(early);
      const [key, number] = [at % keys, Math.floor(at / keys)];
      // One at a time of a key: a source that sends two at once has not said which is first.
      if (key === 0) await source.flush();
      await source.publish(`${subject}.k${key}`, String(number), { id: `${subject}-${key}-${number}` });
    }
    await source.flush();
  })();
  return {
    results,
    published,
    async finished(expected, timeoutMs) {
      await published;
      const seen = () => [...results.values()].reduce((sum, numbers) => sum + numbers.length, 0);
      await eventually(() => seen() >= expected, { timeoutMs, what: `${expected} results in order` });
      await untilIdle(pilot, options.function);
    },
    async close() {
      reading.abort();
      await read;
      await source.close();
      await viewer.close();
    },
  };
}

/** What is not as it should be: each number once, and in order within its key. `missing`: numbers that have no result. */
export function wrongOrder(
  run: OrderedRun,
  { keys, count }: OrderedOptions,
  isMissing = (_: number) => false,
): string[] {
  const wanted = Array.from({ length: count }, (_, number) => number).filter((number) => !isMissing(number));
  return Array.from({ length: keys }, (_, key) => `k${key}`).flatMap((key) => {
    const numbers = run.results.get(key) ?? [];
    const at = wanted.findIndex((number, place) => numbers[place] !== number);
    if (at < 0 && numbers.length === wanted.length) return [];
    const from = Math.max(0, at < 0 ? wanted.length : at);
    return [
      `${key}: ${numbers.length} of ${wanted.length} results, from ${from} on ${numbers.slice(Math.max(0, from - 3), from + 8)}`,
    ];
  });
}
