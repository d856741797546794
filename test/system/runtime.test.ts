/** What the SDK promises, seen from outside a real pilot: batches, streamed answers, state, secrets, spares. */
import { hash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeCacheDigestBytes } from '#frames';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { processesOf, TestPilot } from '../harness/pilot.ts';
import { resultsOf } from '../harness/results.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 10 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function publish(subjects: readonly string[]): Promise<void> {
  await using source = await pilot.events('source');
  for (const subject of subjects) await source.publish(subject, subject);
  await source.flush();
}

async function untilHandled(name: string, count: number): Promise<void> {
  await eventually(async () => (await pilot.client.get(name)).summary?.handled === count, {
    timeoutMs: 20_000,
    what: `${name} has handled ${count}`,
  });
  await untilIdle(pilot, name);
}

const quick = 'retry: { attempts: 2, min: 20ms, max: 50ms }';

describe('`handleBatch`', () => {
  const source = `import { defineFunction, Reject } from 'pilotfish/sdk';
export default defineFunction({
  handleBatch(events, ctx) {
    return events.map((event) => {
      if (event.subject.endsWith('bad')) return new Reject('not this one');
      if (event.subject.endsWith('again') && ctx.attempt === 1) return new Error('later');
      return event.subject + ' of ' + events.length;
    });
  },
});
`;

  it("is given events together; each result, failure and retry is its own event's", async () => {
    const settings = [
      quick,
      'batch: { size: 8, wait: 200ms }',
      'on: [{ subject: "batch.*" }]',
      'output: "batched.{1}"',
    ];
    await deployFolder(pilot, functions.write('batch', source, settings));
    await publish(['batch.a', 'batch.b', 'batch.bad', 'batch.c', 'batch.again', 'batch.d', 'batch.e', 'batch.f']);
    await untilHandled('batch', 7);
    const results = await resultsOf(pilot, 'batched');
    expect(results.map((text) => text.split(' ')[0]).sort()).toEqual(
      ['a', 'again', 'b', 'c', 'd', 'e', 'f'].map((name) => `batch.${name}`),
    );
    expect(results.some((text) => Number(text.split(' ').at(-1)) > 1)).toBe(true);
    const letters = await Array.fromAsync(pilot.client.deadLetters('batch'));
    expect(letters).toMatchObject([{ subject: 'batch.bad', reason: 'rejected: not this one' }]);
  }, 60_000);

  it('that returns too few results fails all of them, and says so', async () => {
    const handler = `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handleBatch: () => [] });\n`;
    await deployFolder(pilot, functions.write('short', handler, ['batch: { size: 4 }']));
    expect(await pilot.cli(['invoke', 'short', '-d', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('handleBatch returned 0 results for 1 event'),
    });
  }, 60_000);
});

describe('a handler that yields', () => {
  const handler = `async function* (event) {
    for (let piece = 1; piece <= 3; piece++) yield event.text() + piece + '\\n';
    if (event.text() === 'bad') throw new Error('broke off');
  }`;

  it('streams to a caller, gives a plain caller the first piece, and an event one output each', async () => {
    await functions.deploy(pilot, 'yields', handler, ['on: [{ subject: "yields.*" }]', 'output: "yielded.{1}"']);
    const streamed = await pilot.cli(['invoke', 'yields', '-d', 'x', '--stream']);
    expect(streamed).toMatchObject({ code: 0, stdout: 'x1\nx2\nx3\n' });
    expect((await pilot.cli(['invoke', 'yields', '-d', 'x'])).stdout).toBe('x1\n');
    await publish(['yields.a']);
    await untilHandled('yields', 3);
    expect(await resultsOf(pilot, 'yielded')).toEqual(['yields.a1\n', 'yields.a2\n', 'yields.a3\n']);
  }, 60_000);

  it('and then throws has its pieces out before the error', async () => {
    expect(await pilot.cli(['invoke', 'yields', '-d', 'bad', '--stream'])).toMatchObject({
      code: 1,
      stdout: 'bad1\nbad2\nbad3\n',
      stderr: expect.stringContaining('broke off'),
    });
  }, 60_000);

  it('ends when its caller goes away', async () => {
    await functions.deploy(
      pilot,
      'endless',
      `async function* (event, ctx) {
        try {
          for (let n = 0; ; n++) { yield String(n); await new Promise((done) => setTimeout(done, 5)); }
        } finally { ctx.log.info('generator ended'); }
      }`,
    );
    const stop = new AbortController();
    let pieces = 0;
    for await (const _ of pilot.client.invokeStream('endless', Buffer.alloc(0), { signal: stop.signal }))
      if (++pieces === 3) stop.abort();
    expect(pieces).toBeGreaterThanOrEqual(3);
    const ended = async () =>
      (await Array.fromAsync(pilot.client.logs('endless'))).some(({ message }) => message === 'generator ended');
    await eventually(ended, { timeoutMs: 10_000, what: 'the generator ended' });
  }, 60_000);
});

describe('ctx.state', () => {
  it('counts exactly under compare-and-set, from many instances at once', async () => {
    const handler = `async (event, ctx) => {
      await ctx.state.update('count', (current) => String(Number(current?.text() ?? '0') + 1));
      if (event.subject === '') return (await ctx.state.get('count')).text();
    }`;
    await functions.deploy(pilot, 'counts', handler, [
      'on: [{ subject: "counts.*" }]',
      'concurrency: 4',
      'scale: { min: 2, max: 2 }',
    ]);
    await publish(Array.from({ length: 60 }, (_, n) => `counts.${n}`));
    await untilHandled('counts', 60);
    expect((await pilot.cli(['invoke', 'counts'])).stdout).toBe('61');
  }, 60_000);

  it("refuses a stale revision, forgets what is deleted, and is the function's own", async () => {
    const handler = `async (event, ctx) => {
      const first = await ctx.state.set('a b/ü', { n: 1 }, { revision: 0 });
      const conflict = await ctx.state.set('a b/ü', 2, { revision: 0 }).catch((error) => error.name);
      const second = await ctx.state.set('a b/ü', 2, { revision: first });
      await ctx.state.delete('a b/ü', { revision: second });
      const gone = await ctx.state.get('a b/ü');
      await ctx.state.set('a b/ü', 'again', { revision: 0 });
      await ctx.state.delete('a b/ü');
      const tooLong = await ctx.state.set('k'.repeat(600), 1).catch((error) => error.message);
      return { conflict, gone: gone ?? null, foreign: (await ctx.state.get('count')) ?? null, tooLong };
    }`;
    await functions.deploy(pilot, 'state', handler);
    expect(JSON.parse((await pilot.cli(['invoke', 'state'])).stdout)).toEqual({
      conflict: 'StateConflict',
      gone: null,
      foreign: null,
      tooLong: expect.stringContaining('at most 512 bytes'),
    });
  }, 60_000);
});

describe('a secret', () => {
  const value = 'hunter2-is-no-password';

  it('is given to the function that names it and shown nowhere', async () => {
    const handler = `(event, ctx) => {
      ctx.log.info('the token is ' + ctx.secrets.API_TOKEN, { token: ctx.secrets.API_TOKEN });
      if (event.text() === 'throw') throw new Error('bad token ' + ctx.secrets.API_TOKEN);
      return ctx.secrets.API_TOKEN.length + ' ' + Object.keys(ctx.secrets);
    }`;
    await functions.deploy(pilot, 'secretive', handler, ['secrets: [API_TOKEN]']);
    expect(await pilot.cli(['invoke', 'secretive'])).toMatchObject({
      stderr: expect.stringContaining('the secret API_TOKEN is not set (pilotfish secret set API_TOKEN)'),
    });
    const source =
      "import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle: () => 'x' });\n";
    const folder = functions.write('untold', source, ['secrets: [OTHER_TOKEN]']);
    expect(await pilot.cli(['deploy', folder, '--skip-types'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the secret OTHER_TOKEN is not set: pilotfish secret set OTHER_TOKEN -f FILE'),
    });
    expect(await pilot.cli(['secret', 'set', 'API_TOKEN'], `${value}\n`)).toMatchObject({ code: 0 });
    const answered = async () => (await pilot.cli(['invoke', 'secretive'])).stdout === `${value.length} API_TOKEN`;
    // The failed start is held back for a moment.
    await eventually(answered, { timeoutMs: 15_000, what: 'the function with its secret' });
    const thrown = await pilot.cli(['invoke', 'secretive', '-d', 'throw']);
    expect(thrown).toMatchObject({ code: 1, stderr: expect.stringContaining('bad token [secret API_TOKEN]') });
    const shown = [
      thrown.stderr,
      (await pilot.cli(['logs', 'secretive', '-o', 'json'])).stdout,
      (await pilot.cli(['get', 'secretive', '-o', 'json'])).stdout,
      (await pilot.cli(['secret', 'list', '-o', 'json'])).stdout,
      ...processesOf(pilot.directory).flatMap((pid) =>
        ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')),
      ),
      ...readdirSync(pilot.directory, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.log'))
        .map((path) => readFileSync(join(pilot.directory, path), 'utf8')),
    ];
    expect(shown.join('\n')).toContain('the token is [secret API_TOKEN]');
    expect(shown.filter((text) => text.includes(value))).toEqual([]);
  }, 60_000);

  it('is set, listed and removed by name; a wrong name or value is refused', async () => {
    expect(await pilot.cli(['secret', 'set', 'lower'], 'x')).toMatchObject({ code: 2 });
    expect(await pilot.cli(['secret', 'set', 'EMPTY'], '')).toMatchObject({ code: 3 });
    expect(await pilot.cli(['secret', 'set', 'OTHER'], 'x')).toMatchObject({ code: 0 });
    expect((await pilot.cli(['secret', 'list', '-o', 'name'])).stdout).toBe('API_TOKEN\nOTHER\n');
    expect(await pilot.cli(['secret', 'rm', 'OTHER'])).toMatchObject({ code: 0 });
    expect(await pilot.cli(['secret', 'rm', 'OTHER'])).toMatchObject({ code: 4 });
  }, 60_000);
});

describe('a function marked `latency`', () => {
  it('has a loaded instance besides those that work, and the first call is given to it', async () => {
    await functions.deploy(pilot, 'quick', '(event, ctx) => ctx.function.instance', ['latency: true']);
    const spares = async () =>
      (await pilot.client.get('quick')).instances.filter(({ state }) => state === 'spare').map(({ id }) => id);
    await eventually(async () => (await spares()).length === 1, { timeoutMs: 15_000, what: 'a spare instance' });
    const [spare] = await spares();
    expect((await pilot.cli(['invoke', 'quick'])).stdout).toBe(spare);
    const replaced = async () => {
      const [next] = await spares();
      return next !== undefined && next !== spare;
    };
    await eventually(replaced, { timeoutMs: 15_000, what: 'the next spare' });
    await pilot.client.remove('quick');
    await eventually(
      async () =>
        (await pilot.client.nodes()).every(({ instances }) => instances.every((each) => each.function !== 'quick')),
      {
        timeoutMs: 15_000,
        what: 'no instance of quick',
      },
    );
  }, 60_000);
});

describe('payloads and results of megabytes', () => {
  it('come back as they were, one after the other and several at once', async () => {
    await functions.deploy(pilot, 'mirror', '(event) => event.data', ['concurrency: 4']);
    const bodies = [1, 2, 3, 4].map((seed) => Buffer.alloc(seed * 600_000, seed));
    for (const body of bodies)
      expect(Buffer.compare((await pilot.client.invoke('mirror', body)).payload, body)).toBe(0);
    const answers = await Promise.all(bodies.map((body) => pilot.client.invoke('mirror', body)));
    for (const [at, body] of bodies.entries())
      expect(Buffer.compare(answers[at]?.payload ?? Buffer.alloc(0), body)).toBe(0);
  }, 60_000);
});

describe('the code cache', () => {
  /** Over the size from which a cache pays. */
  const large = `import { defineFunction } from 'pilotfish/sdk';
import { writeFileSync } from 'node:fs';
const table = {\n${Array.from({ length: 4_000 }, (_, at) => `  f${at}: (x: number) => x + ${at},`).join('\n')}\n};
export default defineFunction({
  handle(event) {
    const text = event.text();
    if (text.startsWith('/')) writeFileSync(text, 'poison');
    return String(table.f7(Number(text)));
  },
});
`;

  const cacheOf = async (before: ReadonlySet<string>) =>
    eventually(() => caches().find((path) => !before.has(path)), { timeoutMs: 20_000, what: 'a code cache' });
  const caches = () => {
    const artifacts = join(pilot.directory, 'nodes', 'n1', 'artifacts');
    return readdirSync(artifacts)
      .filter((name) => name.endsWith('.cache'))
      .map((name) => join(artifacts, name));
  };
  /** A new version of the same bundle, and so a new instance. */
  const deployAgain = (round: number) =>
    deployFolder(pilot, functions.write('large', large, ['config:', `  round: ${round}`]));
  const answer = async (text: string) => (await pilot.client.invoke('large', Buffer.from(text))).payload.toString();

  it('is made, and no function can write to it', async () => {
    const before = new Set(caches());
    await deployAgain(1);
    const path = await cacheOf(before);
    expect(await answer('1')).toBe('8');
    await expect(answer(path)).rejects.toThrow('restricted');
  }, 60_000);

  it.each([
    { what: 'V8 rejects, whole as it is', spoil: (cache: Buffer) => cache.fill(7, 8, 12) },
    { what: 'is damaged', spoil: (cache: Buffer) => cache.fill(7, cache.length / 2), damaged: true },
  ])(
    'that $what is replaced, and the function runs without',
    async ({ spoil, damaged }) => {
      const [path = ''] = caches().filter((one) => statSync(one).size > 100_000);
      const good = readFileSync(path);
      const cache = Buffer.from(good.subarray(0, -codeCacheDigestBytes));
      spoil(cache);
      const digest = damaged ? good.subarray(-codeCacheDigestBytes) : hash('sha256', cache, 'buffer');
      chmodSync(path, 0o600);
      writeFileSync(path, Buffer.concat([cache, digest]));
      // What an agent has once found whole, or made, it does not read again.
      const agent = pilot.node('n1').children.find(({ name }) => name === 'agent');
      if (damaged && agent) process.kill(agent.pid, 'SIGKILL');
      await deployAgain(damaged ? 2 : 3);
      await eventually(async () => (await answer('2')) === '9', { timeoutMs: 30_000, what: 'the function serves' });
      await eventually(
        () => statSync(path).size === good.length && !readFileSync(path).subarray(0, cache.length).equals(cache),
        {
          timeoutMs: 20_000,
          what: 'a new code cache',
        },
      );
    },
    90_000,
  );
});
