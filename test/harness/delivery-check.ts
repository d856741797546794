/**
 * A checker in the manner of Jepsen: numbered events go in, seeded faults end and stop processes meanwhile, and what came
 * out is compared with what was promised. One function without order, one with, beside each other; some events are
 * poisoned and must be in the dead letters, and no other may.
 */
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { FunctionFolder } from './functions.ts';
import { publishNumbered, wrongCounts } from './numbered.ts';
import { type OrderedOptions, publishOrdered, wrongOrder } from './ordered.ts';
import type { TestPilot } from './pilot.ts';
import { inflictFaults } from './random-faults.ts';
import { untilIdle } from './until-idle.ts';

export interface DeliveryCheck {
  readonly seed: number;
  /** How long events are sent. */
  readonly seconds: number;
  /** Events a second, for each of the two functions. */
  readonly rate: number;
  /** As in `inflictFaults`: whom they may hit, and how long a pause may be. */
  readonly processes: readonly string[];
  readonly pauseMsMax: number;
  /** For everything to be done after the last event. */
  readonly settleMs: number;
}

const keys = 20;
/** Of the numbers of each function, one in so many is poisoned. */
const poisonEvery = 97;
const isPoisoned = (number: number) => number % poisonEvery === 13;
/** The first try of some fails, of some takes a while. */
const handler = `(event, ctx) => {
  const number = Number(event.text().split(' ').at(-1));
  if (number % ${poisonEvery} === 13) throw new Reject('poisoned');
  if (number % 31 === 7 && ctx.attempt === 1) throw new Error('not at first');
  return number % 11 === 3 ? new Promise((done) => setTimeout(done, 15, event.data)) : event.data;
}`;
const settings = (name: string) => [
  `on: [{ subject: "${name}.*" }]`,
  `output: "${name}-out.{1}"`,
  'concurrency: 4',
  'retry: { attempts: 3, min: 20ms, max: 200ms }',
  'scale: { min: 2, max: 4 }',
];

export async function checkDelivery(pilot: TestPilot, check: DeliveryCheck): Promise<void> {
  using functions = new FunctionFolder();
  await functions.deploy(pilot, 'free', handler, settings('free'));
  await functions.deploy(pilot, 'line', handler, [...settings('line'), 'order: { key: "{1}" }']);
  const { seed, seconds, rate } = check;
  const count = seconds * rate;
  const inLine: OrderedOptions = {
    function: 'line',
    subject: 'line',
    output: 'line-out',
    keys,
    count: count / keys,
    rate,
  };
  const free = await publishNumbered(pilot, 'free', count, rate, {
    function: 'free',
    subject: 'free',
    output: 'free-out',
  });
  const line = await publishOrdered(pilot, inLine);
  try {
    const published = Promise.all([free.published, line.published]);
    const faults = JSON.stringify(await inflictFaults(pilot, { ...check, functionNames: ['free', 'line'] }, published));
    await published;
    const good = (numbers: number) =>
      Array.from({ length: numbers }, (_, at) => at).filter((at) => !isPoisoned(at)).length;
    const done = () => free.results.size >= good(count) && sizeOf(line.results) >= good(count / keys) * keys;
    await eventually(done, { timeoutMs: check.settleMs, what: `all results after ${faults}` });
    // A double would come with a redelivery: nothing may be left to do.
    for (const name of ['free', 'line']) await untilIdle(pilot, name, check.settleMs);
    const wrong = [
      ...wrongCounts(free, count).filter(
        (text) => !isPoisoned(Number(text.split(':')[0])) || !text.endsWith(' 0 results'),
      ),
      ...wrongOrder(line, inLine, isPoisoned),
    ];
    expect(wrong, `seed ${seed}: ${faults}`).toEqual([]);
    const poisoned = Array.from({ length: count }, (_, at) => at)
      .filter(isPoisoned)
      .map(String);
    const inLinePoisoned = poisoned
      .filter((text) => Number(text) < count / keys)
      .flatMap((text) => Array(keys).fill(text));
    expect(await deadNumbers(pilot, 'free'), `seed ${seed}: ${faults}`).toEqual(poisoned.sort());
    expect(await deadNumbers(pilot, 'line'), `seed ${seed}: ${faults}`).toEqual(inLinePoisoned.sort());
  } finally {
    await free.close();
    await line.close();
  }
}

function sizeOf(results: ReadonlyMap<string, readonly number[]>): number {
  return [...results.values()].reduce((sum, numbers) => sum + numbers.length, 0);
}

/** Numbers of the events in a function's dead letters, sorted as text. */
async function deadNumbers(pilot: TestPilot, name: string): Promise<string[]> {
  const numbers: string[] = [];
  for await (const { sequence } of pilot.client.deadLetters(name)) {
    const { payload } = await pilot.client.deadLetter(name, sequence);
    numbers.push(payload.toString().split(' ').at(-1) ?? '');
  }
  return numbers.sort();
}
