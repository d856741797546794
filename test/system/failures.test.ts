/** R4: what becomes of events whose calls fail, time out, are refused, or end their instance; and that others go on meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeadLetter, DeadLetterReader } from '../harness/dead-letters.ts';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;
let letters: DeadLetterReader;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 6 });
  letters = await DeadLetterReader.open(pilot);
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await letters?.[Symbol.asyncDispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function publish(subjects: readonly string[]): Promise<void> {
  await using source = await pilot.events('source');
  for (const subject of subjects) await source.publish(subject, subject);
  await source.flush();
}

/** The function's dead letters, once there are `count` and nothing of it is left to do. */
async function settledLetters(name: string, count: number, timeoutMs = 20_000): Promise<DeadLetter[]> {
  await eventually(() => letters.of(name).length >= count, { timeoutMs, what: `${count} dead letters of ${name}` });
  await untilIdle(pilot, name);
  return [...letters.of(name)];
}

const quick = 'retry: { attempts: 3, min: 50ms, max: 200ms }';

describe('an event whose handler throws', () => {
  it('is retried with backoff, then goes to the dead letters with all that is known of it; others pass', async () => {
    const handler = `(event, ctx) => {
      if (!event.subject.endsWith('7')) return event.data;
      throw new Error(\`attempt \${ctx.attempt} of \${event.text()} failed\`);
    }`;
    await functions.deploy(pilot, 'throws', handler, [quick, 'on: [{ subject: "throws.*" }]', 'output: "thrown.{1}"']);
    const { versions } = await pilot.client.get('throws');
    await using viewer = await pilot.events('viewer');
    const results = await viewer.read('thrown.*', { from: 'all' });
    await publish(Array.from({ length: 20 }, (_, n) => `throws.${n}`));
    const [letter, other] = (await settledLetters('throws', 2)).sort((a, b) => a.event.sequence - b.event.sequence);
    expect(letter).toMatchObject({
      function: 'throws',
      version: 1,
      digest: versions[0]?.digest,
      reason: 'failed 3 times: attempt 3 of throws.7 failed',
      event: { subject: 'throws.7', data: Buffer.from('throws.7').toString('base64') },
    });
    expect(other?.event.subject).toBe('throws.17');
    expect(letter?.attempts.map(({ error }) => error)).toEqual([1, 2, 3].map((n) => `attempt ${n} of throws.7 failed`));
    const times = letter?.attempts.map(({ time }) => time) ?? [];
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const attempt of letter?.attempts ?? []) {
      // Line 5 of the file above: the author's, not the bundle's.
      expect(attempt.stack).toMatch(/throws\.ts:5:\d+/);
      expect(attempt.stack).not.toMatch(/instance\.cjs|pilotfish-function/);
      expect(attempt.node).toMatch(/^n[12]$/);
      expect(attempt.instance).toMatch(/^n[12]-/);
    }
    const seen = new Set<string>();
    for await (const { subject } of results) if (seen.add(subject).size === 18) break;
    expect(letters.of('throws')).toHaveLength(2);
  }, 60_000);

  it('with Reject goes there at once, with Retry after the time it asks for', async () => {
    const handler = `(event, ctx) => {
      if (event.subject === 'asks.never') throw new Reject('not a number');
      if (ctx.attempt === 1) throw new Retry({ afterMs: 1500 });
      return String(ctx.attempt);
    }`;
    await functions.deploy(pilot, 'asks', handler, [quick, 'on: [{ subject: "asks.*" }]', 'output: "asked.{1}"']);
    await using viewer = await pilot.events('viewer');
    const results = await viewer.read('asked.*', { from: 'all' });
    const publishedAt = Date.now();
    await publish(['asks.never', 'asks.later']);
    const found = await settledLetters('asks', 1);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ reason: 'rejected: not a number', attempts: [{ error: 'not a number' }] });
    for await (const { subject, data, time } of results) {
      expect({ subject, attempt: Buffer.from(data).toString() }).toEqual({ subject: 'asked.later', attempt: '2' });
      expect(time.getTime() - publishedAt).toBeGreaterThanOrEqual(1_490);
      expect(time.getTime() - publishedAt).toBeLessThan(6_000);
      break;
    }
  }, 60_000);
});

it('a call past its timeout ends its instance and is tried again; its instance is told apart from the next one', async () => {
  const handler = `(event, ctx) => (ctx.attempt > 1 ? ctx.function.instance : new Promise(() => setInterval(() => {}, 1000)))`;
  await functions.deploy(pilot, 'hangs', handler, [
    quick,
    'timeout: 500ms',
    'on: [{ subject: "hangs.*" }]',
    'output: "hung.{1}"',
  ]);
  await using viewer = await pilot.events('viewer');
  const results = await viewer.read('hung.*', { from: 'all' });
  await publish(['hangs.once']);
  const first = await eventually(async () => (await pilot.client.get('hangs')).instances[0]?.id, {
    timeoutMs: 10_000,
    what: 'an instance of hangs',
  });
  for await (const { data } of results) {
    expect(Buffer.from(data).toString()).not.toBe(first);
    break;
  }
  expect(letters.of('hangs')).toEqual([]);
}, 60_000);

it.each([
  ['exits', 'process.exit(3)', /exited with code 3/],
  ['kills', "process.kill(process.pid, 'SIGKILL')", /ended by SIGKILL/],
])(
  'an event that %s its instance each time is given up after a bound, and harms no other',
  async (name, deed, reason) => {
    const handler = `(event) => {
      if (event.subject.endsWith('-13')) ${deed};
      return event.data;
    }`;
    await functions.deploy(pilot, name, handler, [
      `on: [{ subject: "${name}.*" }]`,
      `output: "${name}ed.{1}"`,
      'retry: { attempts: 2 }',
    ]);
    const run = await publishNumbered(pilot, name, 60, 200, { function: name, subject: name, output: `${name}ed` });
    try {
      const found = await settledLetters(name, 1, 60_000);
      expect(found).toHaveLength(1);
      expect(found[0]?.event.subject).toBe(`${name}.${name}-13`);
      expect(found[0]?.reason).toMatch(reason);
      expect(found[0]?.attempts.filter(({ lost }) => lost)).toHaveLength(20);
      // Each attempt's instance was another one.
      expect(new Set(found[0]?.attempts.map(({ instance }) => instance)).size).toBe(20);
      await eventually(() => run.results.size === 59, { timeoutMs: 10_000, what: 'the results of all others' });
      expect(wrongCounts(run, 60)).toEqual(['13: 0 results']);
    } finally {
      await run.close();
    }
  },
  90_000,
);

it.each([
  ['a wildcard in a subject', 'blank', "new Output('x', { subject: 'a.*' })", /"a\.\*" is no subject to publish on/],
  [
    'a line break in a header',
    'broken',
    "new Output('x', { headers: { a: 'b\\r\\nc' } })",
    /header "a" has a name or value/,
  ],
  [
    'more bytes than an instance can hand over',
    'large',
    'new Uint8Array(21.5e6)',
    /: the result has 21500000 bytes; the most is 20905973/,
  ],
  [
    'more of its kind than a call can name',
    'many',
    "outputs(Array.from({ length: 6_000 }, () => new Output('x')))",
    /: subjects, headers and lengths of 6,000 outputs take \d+ bytes; the most of one call is 65535/,
  ],
])(
  'an output with %s becomes a clear dead letter',
  async (_what, name, result, reason) => {
    await functions.deploy(pilot, name, `() => ${result}`, [
      quick,
      `on: [{ subject: "${name}.*" }]`,
      'output: "refused.{1}"',
      'resources: { memory: 512MiB }',
    ]);
    await publish([`${name}.x`]);
    const found = await settledLetters(name, 1);
    expect(found).toHaveLength(1);
    expect(found[0]?.reason).toMatch(reason);
    expect(found[0]?.attempts).toHaveLength(3);
    expect(found[0]?.attempts[0]?.instance).toMatch(/^n[12]-/);
  },
  60_000,
);

it('a drain spends no attempt: the event runs again as its first', async () => {
  const handler = `async (event, ctx) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return String(ctx.attempt);
  }`;
  await functions.deploy(pilot, 'drained', handler, [
    'retry: { attempts: 1 }',
    'on: [{ subject: "drained.*" }]',
    'output: "drain.{1}"',
    'scale: { min: 1, max: 2 }',
  ]);
  const node = await eventually(
    async () => (await pilot.client.get('drained')).instances.find(({ state }) => state === 'ready')?.node,
    { timeoutMs: 10_000, what: 'a ready instance' },
  );
  await using viewer = await pilot.events('viewer');
  const results = await viewer.read('drain.*', { from: 'all' });
  await publish(Array.from({ length: 20 }, (_, n) => `drained.${n}`));
  await eventually(async () => (await pilot.client.get('drained')).instances.some(({ busy }) => busy > 0), {
    timeoutMs: 5_000,
    what: 'a busy instance',
  });
  // The agent drains on SIGTERM; its launcher starts another.
  process.kill(pilot.pid(node, 'agent'), 'SIGTERM');
  const attempts: string[] = [];
  for await (const { data } of results) if (attempts.push(Buffer.from(data).toString()) === 20) break;
  expect(new Set(attempts)).toEqual(new Set(['1']));
  expect(letters.of('drained')).toEqual([]);
}, 60_000);
