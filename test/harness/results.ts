/** What functions have published so far. */
import { randomUUID } from 'node:crypto';
import type { TestPilot } from './pilot.ts';

const resultsWaitMs = 30_000;

/** Texts of every event stored under `<prefix>.*`, oldest first: a marker published behind them tells where they end. */
export async function resultsOf(pilot: TestPilot, prefix: string): Promise<string[]> {
  await using source = await pilot.events('source');
  const mark = randomUUID();
  await source.publish(`${prefix}.marker`, mark);
  await source.flush();
  await using viewer = await pilot.events('viewer');
  const texts: string[] = [];
  for await (const event of await viewer.read(`${prefix}.*`, { from: 'all' })) {
    const text = Buffer.from(event.data).toString();
    if (text === mark) break;
    // Those of earlier looks stay where they are.
    if (event.subject !== `${prefix}.marker`) texts.push(text);
  }
  return texts;
}

/** The texts of the first `count` events under `<prefix>.*`, sorted; waits until they are stored. */
export async function untilResults(pilot: TestPilot, prefix: string, count: number): Promise<string[]> {
  await using viewer = await pilot.events('viewer');
  const texts: string[] = [];
  const signal = AbortSignal.timeout(resultsWaitMs);
  for await (const event of await viewer.read(`${prefix}.*`, { from: 'all', signal })) {
    texts.push(Buffer.from(event.data).toString());
    if (texts.length === count) return texts.sort();
  }
  throw new Error(`${count} results under ${prefix} did not come within ${resultsWaitMs} ms: ${JSON.stringify(texts)}`);
}
