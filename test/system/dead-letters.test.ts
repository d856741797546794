/** What an operator does with events that failed for good: look, mend the function, redrive, purge; and parked retries. */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, streams } from '#broker';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { resultsOf } from '../harness/results.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 8 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const quick = 'retry: { attempts: 2, min: 20ms, max: 50ms }';

async function publish(subjects: readonly string[], headers: Record<string, string> = {}): Promise<void> {
  await using source = await pilot.events('source');
  for (const subject of subjects) await source.publish(subject, subject, { headers });
  await source.flush();
}

async function letters(name: string, count: number) {
  const read = () => Array.fromAsync(pilot.client.deadLetters(name));
  await eventually(async () => (await read()).length === count, {
    timeoutMs: 30_000,
    what: `${count} dead letters of ${name}`,
  });
  return read();
}

/** What has gone through the stream of retries, seen with the viewer's key. */
async function retries(): Promise<{ lastSequence: number; messages: number }> {
  const { brokers, seeds } = pilot.connection;
  const connection = await connectNats({ servers: brokers, seed: seeds.viewer, role: 'viewer', member: 'retries' });
  try {
    const { state } = await (await jetstreamManager(connection, { checkAPI: false })).streams.info(streams.retries);
    return { lastSequence: state.last_seq, messages: state.messages };
  } finally {
    await connection.close();
  }
}

describe('`dlq`', () => {
  const settings = [quick, 'on: [{ subject: "mended.*" }]', 'output: "mend.{1}"'];
  const failing = `(event) => { throw new Error('broken ' + event.subject); }`;
  const mended = `(event, ctx) => event.subject + ' ' + event.id + ' ' + ctx.attempt + ' ' + event.headers.colour + ' ' + event.sequence`;

  it('lists and shows letters; redriven to a mended function they keep their ids, and nobody else sees them again', async () => {
    await functions.deploy(pilot, 'mended', failing, settings);
    await functions.deploy(pilot, 'other', '(event) => event.subject', [
      'on: [{ subject: "mended.*" }]',
      'output: "other.{1}"',
    ]);
    await publish(['mended.a', 'mended.b'], { colour: 'red' });
    // The two fail and wait side by side: which of them is given up first is open.
    const first = (await letters('mended', 2)).find(({ subject }) => subject === 'mended.a');
    expect(first).toMatchObject({ reason: 'failed 2 times: broken mended.a', subject: 'mended.a', redrivable: true });

    const listed = await pilot.cli(['dlq', 'list', 'mended']);
    expect(listed.stdout).toMatch(/mended\.a\t8 B\t2\tfailed 2 times: broken mended\.a\n/);
    const peeked = await pilot.cli(['dlq', 'peek', 'mended', String(first?.sequence), '-o', 'json']);
    expect(JSON.parse(peeked.stdout)).toMatchObject({
      data: 'mended.a',
      headers: { colour: 'red' },
      attempts: [{ error: 'broken mended.a', stack: expect.stringMatching(/mended\.ts:3:\d+/) }, {}],
    });

    await functions.deploy(pilot, 'mended', mended, settings);
    const redriven = await pilot.cli(['dlq', 'redrive', 'mended', '--all', '-o', 'json']);
    expect(JSON.parse(redriven.stdout)).toMatchObject({ function: 'mended', redriven: 2, kept: 0 });
    await eventually(async () => (await pilot.client.get('mended')).summary?.handled === 2, {
      timeoutMs: 15_000,
      what: 'two redriven events',
    });
    await untilIdle(pilot, 'mended');
    expect(await letters('mended', 0)).toEqual([]);
    expect((await resultsOf(pilot, 'mend')).sort()).toEqual([
      expect.stringMatching(/^mended\.a mended\.on0\.EVENTS\.(\d+) 1 red \1$/),
      expect.stringMatching(/^mended\.b mended\.on0\.EVENTS\.(\d+) 1 red \1$/),
    ]);
    expect((await resultsOf(pilot, 'other')).sort()).toEqual(['mended.a', 'mended.b']);
  }, 60_000);

  it('a redriven event that fails again is a new letter, which counts its redrives', async () => {
    const settings = [quick, 'on: [{ subject: "never.*" }]'];
    await functions.deploy(pilot, 'never', failing, settings);
    await publish(['never.a']);
    const [first] = await letters('never', 1);
    // A number that is wrong leaves the others where they are.
    await expect(pilot.client.redrive('never', [first?.sequence ?? 0, 999_999])).rejects.toThrow(
      'no dead letter 999999',
    );
    await expect(pilot.client.purgeDeadLetters('never', [first?.sequence ?? 0, 999_999])).rejects.toThrow();
    expect((await letters('never', 1))[0]?.sequence).toBe(first?.sequence);
    expect(await pilot.client.redrive('never', [first?.sequence ?? 0])).toEqual({ redriven: 1, kept: 0 });
    await eventually(async () => (await letters('never', 1))[0]?.redriven === 1, {
      timeoutMs: 15_000,
      what: 'a letter that was redriven',
    });
    const [second] = await letters('never', 1);
    expect(second).toMatchObject({ subject: 'never.a', eventSequence: first?.eventSequence, attempts: [{}, {}] });
    // They outlive their function.
    expect(await pilot.cli(['rm', 'never'])).toMatchObject({ code: 0 });
    expect((await pilot.cli(['dlq', 'list', 'never', '-o', 'name'])).stdout).toBe(`${second?.sequence}\n`);
    expect(await pilot.cli(['dlq', 'purge', 'never', '--all'])).toMatchObject({ code: 0 });
    expect(await pilot.cli(['dlq', 'list', 'never'])).toMatchObject({ code: 4 });
  }, 60_000);

  it('refuses what it cannot do, and says what to do instead', async () => {
    await functions.deploy(pilot, 'fine', '() => undefined', []);
    expect(await pilot.cli(['dlq', 'redrive', 'fine'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--all'),
    });
    expect(await pilot.cli(['dlq', 'purge', 'fine', '3', '--all'])).toMatchObject({ code: 2 });
    expect(await pilot.cli(['dlq', 'peek', 'fine', 'x'])).toMatchObject({ code: 2 });
    expect(await pilot.cli(['dlq', 'peek', 'fine', '999999'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('pilotfish dlq list fine'),
    });
    for (const misspelt of [['list'], ['peek', '3'], ['redrive', '3'], ['purge', '--all'], ['purge', '3']]) {
      const [command = '', ...rest] = misspelt;
      expect(await pilot.cli(['dlq', command, 'fien', ...rest])).toMatchObject({
        code: 4,
        stderr: expect.stringMatching(/there is no function "fien"[\s\S]*"fine"/),
      });
    }
    expect(await pilot.cli(['dlq', 'list', 'fine'])).toMatchObject({ code: 0, stdout: '' });
  }, 60_000);
});

describe('an incomplete gather in the dead letters', () => {
  it('keeps its parts, and runs with those that are there once it is redriven', async () => {
    const handler = `async (event) => {
      const found = [];
      for await (const part of event.parts) found.push(Buffer.from(part.data).toString());
      return found.join(' ') + ' missing ' + JSON.stringify(event.parts.missing);
    }`;
    await functions.deploy(pilot, 'collect', handler, [
      quick,
      'on: [{ subject: "bits.*.frame", gather: { key: "{1}", count: 3, gap: 300ms, timeout: 5s, onIncomplete: dlq } }]',
      'output: "collected.{1}"',
    ]);
    await using source = await pilot.events('source');
    for (const index of [0, 2]) {
      await source.publish('bits.s1.frame', `frame${index}`, { headers: { 'Pilotfish-Part': `part:${index}` } });
    }
    await source.flush();
    const [letter] = await letters('collect', 1);
    expect(letter).toMatchObject({ redrivable: true });
    expect(await pilot.client.redrive('collect')).toEqual({ redriven: 1, kept: 0 });
    await eventually(async () => (await pilot.client.get('collect')).summary?.handled === 1, {
      timeoutMs: 15_000,
      what: 'the gather ran',
    });
    await untilIdle(pilot, 'collect');
    expect(await resultsOf(pilot, 'collected')).toEqual(['frame0 frame2 missing {"part":[1]}']);
  }, 60_000);
});

describe('failed events that wait for their next try', () => {
  it('are parked, so that good ones behind them are not held up, and each ends as one letter', async () => {
    const handler = `(event) => {
      if (event.subject.startsWith('queue.bad')) throw new Error('poison');
      return event.subject;
    }`;
    await functions.deploy(pilot, 'queue', handler, [
      'retry: { attempts: 2, min: 3s, max: 3s }',
      'on: [{ subject: "queue.*" }]',
      'output: "queued.{1}"',
    ]);
    const bad = Array.from({ length: 300 }, (_, at) => `queue.bad${at}`);
    const good = Array.from({ length: 20 }, (_, at) => `queue.good${at}`);
    await publish([...bad, ...good]);
    const ended = await letters('queue', bad.length);
    expect(ended.map(({ subject }) => subject).sort()).toEqual([...bad].sort());
    expect(new Set(ended.map(({ attempts }) => attempts.length))).toEqual(new Set([2]));
    await untilIdle(pilot, 'queue');
    // Several slots run them side by side.
    expect((await resultsOf(pilot, 'queued')).sort()).toEqual([...good].sort());
    // All but the few that may wait in the stream of events, and none is left there.
    const { lastSequence, messages } = await retries();
    expect(lastSequence).toBeGreaterThan(bad.length - 50);
    expect(messages).toBe(0);
  }, 90_000);
});
