/**
 * Packed events through a pilot whose instances and agent are killed on the way: each has one result or one dead letter of its
 * own, whether its function takes batches, single events, or events in order.
 */

import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, streams } from '#broker';
import { systemClock } from '#common';
import { DeadLetterReader } from '../harness/dead-letters.ts';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { untilIdle } from '../harness/until-idle.ts';

const poisonEvery = 97;
const isPoisoned = (number: number) => number % poisonEvery === 13;
const keys = 4;
const settleMs = 60_000;

/** One of many is poisoned, one of some fails at first, one of a few gives no result, one gives two. */
const source = (
  shape: 'handle' | 'handleBatch',
) => `import { defineFunction, outputs, Output, Reject } from 'pilotfish/sdk';
const numberOf = (event: { text(): string }) => Number(event.text().split(' ').at(-1));
function one(event: { text(): string; id: string; headers: Readonly<Record<string, string>> }, attempt: number) {
  const number = numberOf(event);
  if (number % ${poisonEvery} === 13) throw new Reject('poisoned');
  if (number % 31 === 7 && attempt === 1) throw new Error('not at first');
  if (number % 29 === 5) return undefined;
  const text = event.id + ' ' + (event.headers.kind ?? '-') + ' ' + number;
  return number % 23 === 4 ? outputs([text, new Output(text, { headers: { second: 'yes' } })]) : text;
}
export default defineFunction({
  ${
    shape === 'handle'
      ? 'async handle(event, ctx) { return one(event, ctx.attempt); },'
      : `async handleBatch(events, ctx) {
    await new Promise((done) => setTimeout(done, 5));
    return events.map((event) => {
      try {
        return one(event, ctx.attempt);
      } catch (error) {
        return error as Error;
      }
    });
  },`
  }
});
`;

const settings = (name: string) => [
  `on: [{ subject: "${name}.*" }]`,
  `output: "${name}-out.{1}"`,
  'retry: { attempts: 3, min: 20ms, max: 200ms }',
  'scale: { min: 1, max: 2 }',
];
/** What comes of a number that is not poisoned. */
const resultsOf = (number: number) => (number % 29 === 5 ? 0 : number % 23 === 4 ? 2 : 1);

let pilot: TestPilot;
const functions = new FunctionFolder();
beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 1, coresPerNode: 4 });
  await deployFolder(
    pilot,
    functions.write('batched', source('handleBatch'), [...settings('batched'), 'batch: { size: 64 }']),
  );
  await deployFolder(pilot, functions.write('single', source('handle'), [...settings('single'), 'concurrency: 4']));
  await deployFolder(pilot, functions.write('line', source('handle'), [...settings('line'), 'order: { key: "{1}" }']));
}, 60_000);
afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot[Symbol.asyncDispose]();
});

/** Bursts, so that packs are full; `between` may do its worst. Returns the numbers of results by key and number. */
async function run(name: string, bursts: number, between: (burst: number) => Promise<void>) {
  const eachBurst = 400;
  const count = bursts * eachBurst;
  await using sink = await pilot.events('source', { pack: true });
  await using viewer = await pilot.events('viewer');
  await using letters = await DeadLetterReader.open(pilot);
  const counts = new Map<number, number>();
  const order = new Map<string, number[]>();
  const ids = new Map<number, Set<string>>();
  const ended = new AbortController();
  const reading = (async () => {
    for await (const event of await viewer.read(`${name}-out.*`, { from: 'all', signal: ended.signal })) {
      const [id = '', kind, text] = Buffer.from(event.data).toString().split(' ');
      const number = Number(text);
      expect(kind).toBe(number % 2 === 0 ? 'even' : '-');
      counts.set(number, (counts.get(number) ?? 0) + 1);
      ids.set(number, (ids.get(number) ?? new Set()).add(id));
      const key = event.subject.split('.')[1] ?? '';
      order.set(key, [...(order.get(key) ?? []), number]);
    }
  })();
  for (let burst = 0; burst < bursts; burst++) {
    for (let at = 0; at < eachBurst; at++) {
      const number = burst * eachBurst + at;
      const headers: Record<string, string> = number % 2 === 0 ? { kind: 'even' } : {};
      await sink.publish(`${name}.k${number % keys}`, `number ${number}`, { headers });
    }
    await sink.flush();
    await between(burst);
  }
  expect(sink.counts).toMatchObject({ sent: count, acked: count });
  const numbers = Array.from({ length: count }, (_, number) => number);
  const wanted = numbers.reduce((sum, number) => sum + (isPoisoned(number) ? 0 : resultsOf(number)), 0);
  const sum = () => [...counts.values()].reduce((total, each) => total + each, 0);
  await eventually(() => sum() >= wanted, { timeoutMs: settleMs, what: `${wanted} results of ${name}` });
  await untilIdle(pilot, name, settleMs);
  const dead = () =>
    letters.of(name).map(({ event }) => Number(Buffer.from(event.data, 'base64').toString().split(' ')[1]));
  const poisoned = numbers.filter(isPoisoned);
  await eventually(() => dead().length >= poisoned.length, { timeoutMs: settleMs, what: 'the dead letters' });
  ended.abort();
  await reading;
  const wrong = numbers.filter((number) => (counts.get(number) ?? 0) !== (isPoisoned(number) ? 0 : resultsOf(number)));
  expect(wrong.map((number) => `${number}: ${counts.get(number) ?? 0}`)).toEqual([]);
  expect(dead().sort((a, b) => a - b)).toEqual(poisoned);
  return { order, ids, count };
}

/** What the gateway tells of instances may be older than their ends: the next look names a living one. */
const killInstance = (name: string) =>
  eventually(
    async () => {
      const [instance] = (await pilot.client.get(name)).instances;
      return instance !== undefined && instance.pid > 0 && process.kill(instance.pid, 'SIGKILL');
    },
    { timeoutMs: settleMs, what: `an instance of ${name} is killed` },
  );
const killAgent = () =>
  eventually(() => process.kill(pilot.pid('n1', 'agent'), 'SIGKILL'), {
    timeoutMs: settleMs,
    what: 'the agent is killed',
  });

describe('packed events', () => {
  it.each(['batched', 'single'])(
    'give %s one result each, and dead letters of their own, under kill -9',
    async (name) => {
      const { ids } = await run(name, 12, async (burst) => {
        if (burst === 3 || burst === 8) await killInstance(name);
        if (burst === 6) await killAgent();
        await systemClock.sleep(100);
      });
      // The id is the event's own: its pack's sequence, and its place there.
      const all = [...ids.values()].flatMap((each) => [...each]);
      expect(new Set(all).size).toBe(ids.size);
      for (const id of all) expect(id).toMatch(new RegExp(`^${name}\\.on0\\.EVENTS\\.\\d+-\\d+$`));
    },
    150_000,
  );

  it('are handled in the order of their key', async () => {
    const { order, count } = await run('line', 4, async (burst) => {
      if (burst === 2) await killInstance('line');
    });
    const wanted = (key: number) =>
      Array.from({ length: count }, (_, number) => number)
        .filter((number) => number % keys === key && !isPoisoned(number))
        .flatMap((number) => Array(resultsOf(number)).fill(number));
    for (let key = 0; key < keys; key++) expect(order.get(`k${key}`)).toEqual(wanted(key));
  }, 150_000);

  it('are events of windows, which begin and end inside of packs, also after a kill of who reads them', async () => {
    const handler = `async (event) => {
      const texts = [];
      for await (const { data, headers } of event.parts!) texts.push(Buffer.from(data).toString() + (headers.kind ?? ''));
      return texts.join(' ');
    }`;
    await functions.deploy(pilot, 'grouped', handler, [
      'on: [{ subject: "grouped.*", window: { key: "{1}", count: 70, every: 35 } }]',
      'output: "groups.{1}"',
    ]);
    const count = 1_050;
    await using sink = await pilot.events('source', { pack: true });
    for (let number = 0; number < count; number++) {
      if (number === count / 2) await killAgent();
      await sink.publish('grouped.a', String(number), number % 5 === 0 ? { headers: { kind: 'f' } } : {});
    }
    await sink.flush();
    const textOf = (number: number) => `${number}${number % 5 === 0 ? 'f' : ''}`;
    const expected = Array.from({ length: count / 35 - 1 }, (_, window) =>
      Array.from({ length: 70 }, (_, at) => textOf(35 * window + at)).join(' '),
    );
    await using viewer = await pilot.events('viewer');
    const groups: string[] = [];
    const ended = new AbortController();
    const reading = (async () => {
      for await (const { data } of await viewer.read('groups.a', { from: 'all', signal: ended.signal }))
        groups.push(Buffer.from(data).toString());
    })();
    await eventually(() => groups.length >= expected.length, { timeoutMs: settleMs, what: 'all windows' });
    await untilIdle(pilot, 'grouped', settleMs);
    ended.abort();
    await reading;
    expect(groups.sort()).toEqual(expected.sort());
    expect(await Array.fromAsync(pilot.client.deadLetters('grouped'))).toEqual([]);
  }, 150_000);

  it('are counted where a trigger says what waits, with order and without', async () => {
    const settings = { plain: [], ordered: ['order: { key: "{1}" }'] };
    for (const [kind, more] of Object.entries(settings)) {
      const on = `on: [{ subject: "held-${kind}.*" }]`;
      await functions.deploy(pilot, `held-${kind}`, '() => undefined', [on, ...more]);
      expect((await pilot.cli(['trigger', 'pause', `held-${kind}`, 'on0'])).code).toBe(0);
    }
    await using sink = await pilot.events('source', { pack: true });
    const count = 700;
    for (let number = 0; number < count; number++)
      for (const kind of Object.keys(settings)) await sink.publish(`held-${kind}.a`, String(number));
    await sink.flush();
    for (const kind of Object.keys(settings)) {
      const lag = async () => (await pilot.client.triggers(`held-${kind}`))[0]?.lag;
      await eventually(async () => (await lag()) === count, { timeoutMs: settleMs, what: `${count} wait for ${kind}` });
      expect((await pilot.cli(['trigger', 'resume', `held-${kind}`, 'on0'])).code).toBe(0);
      await eventually(async () => (await lag()) === 0, { timeoutMs: settleMs, what: `none waits for ${kind}` });
    }
  }, 90_000);

  it('come in few messages, as do their results, and the letters of the others can be given back', async () => {
    const seed = pilot.connection.seeds.viewer;
    const nats = await connectNats({ servers: pilot.connection.brokers, seed, role: 'viewer', member: 'packs' });
    try {
      const { state } = await (await jetstreamManager(nats)).streams.info(streams.events, {
        subjects_filter: 'ev.batched-out.*',
      });
      const messages = Object.values(state.subjects ?? {}).reduce((sum, each) => sum + each, 0);
      // 4,800 events; of ten some four go on by themselves, each with one message or two.
      expect(messages).toBeLessThan(900);
    } finally {
      await nats.close();
    }
    const [letter] = await Array.fromAsync(pilot.client.deadLetters('single'));
    expect(letter).toMatchObject({
      eventId: expect.stringMatching(/^single\.on0\.EVENTS\.\d+-\d+$/),
      redrivable: true,
    });
    const before = (await Array.fromAsync(pilot.client.deadLetters('single'))).length;
    await pilot.client.redrive('single', [letter?.sequence ?? 0]);
    await eventually(
      async () => {
        const after = await Array.fromAsync(pilot.client.deadLetters('single'));
        return (
          after.length === before &&
          after.some(({ redriven, eventId }) => redriven === 1 && eventId === letter?.eventId)
        );
      },
      { timeoutMs: settleMs, what: 'it is a dead letter again, of the same event' },
    );
  }, 90_000);
});
