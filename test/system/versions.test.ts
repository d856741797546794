/** Versions as an operator has them: canaries that share the work, withdrawal by rule, rollback, aliases, diff. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#common';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { resultsOf } from '../harness/results.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const source = (body: string) =>
  `import { defineFunction } from 'pilotfish/sdk';\nexport default defineFunction({ handle(event, ctx) { ${body} } });\n`;

const deploy = (name: string, body: string, settings: readonly string[] = [], flags: readonly string[] = []) =>
  pilot.cli(['deploy', functions.write(name, source(body), settings), '--skip-types', '-o', 'json', ...flags]);

async function answer(name: string, version = ''): Promise<string> {
  const { payload } = await pilot.client.invoke(name, Buffer.from('x'), version === '' ? {} : { version });
  return payload.toString();
}

async function publish(subject: string, count: number): Promise<void> {
  await using source = await pilot.events('source');
  for (let at = 0; at < count; at++) await source.publish(`${subject}.${at}`, String(at));
  await source.flush();
}

describe('a canary', () => {
  const settings = ['on: [{ subject: "tried.*" }]', 'output: "trial.{1}"', 'scale: { min: 2, max: 2 }'];

  it('is given its share of calls and events; each event has one result, and promoted it has all', async () => {
    await deploy('tried', "return 'old';", settings);
    const tried = await deploy('tried', "return 'new';", settings, ['--canary', '30']);
    expect(JSON.parse(tried.stdout).items).toMatchObject([{ name: 'tried', change: 'canary', version: 2 }]);
    const both = async () => {
      const { instances } = await pilot.client.get('tried');
      return new Set(instances.filter(({ state }) => state === 'ready').map(({ digest }) => digest)).size === 2;
    };
    await eventually(both, { timeoutMs: 20_000, what: 'instances of both versions' });

    const answers = await Promise.all(Array.from({ length: 200 }, () => answer('tried')));
    expect(answers.filter((text) => text === 'new').length).toBeGreaterThan(25);
    expect(answers.filter((text) => text === 'new').length).toBeLessThan(105);
    expect(await answer('tried', '1')).toBe('old');
    expect(await answer('tried', '2')).toBe('new');

    await publish('tried', 600);
    await untilIdle(pilot, 'tried');
    const results = await resultsOf(pilot, 'trial');
    expect(results).toHaveLength(600);
    const share = results.filter((text) => text === 'new').length / 600;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.45);

    expect((await pilot.cli(['get', 'tried'])).stdout).toContain('version 2 has 30 %');
    expect((await pilot.cli(['promote', 'tried', '-o', 'json'])).stdout).toContain('"version": 2');
    expect(new Set(await Promise.all(Array.from({ length: 30 }, () => answer('tried'))))).toEqual(new Set(['new']));
    expect((await pilot.cli(['versions', 'tried'])).stdout).toMatch(/^2\tlatest\t/m);
    expect(await pilot.cli(['promote', 'tried'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('no canary'),
    });
  }, 90_000);

  it('that fails more than was set is withdrawn by itself, with the reason kept; also by a new gateway', async () => {
    await deploy('risky', "return 'good';", ['scale: { min: 1 }']);
    const failing = "if (event.text() === 'x') throw new Error('bad'); return 'canary';";
    await deploy('risky', failing, ['scale: { min: 1 }'], ['--canary', '50', '--max-errors', '10']);
    process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
    await eventually(
      async () => {
        await Promise.allSettled(Array.from({ length: 20 }, () => answer('risky')));
        return (await pilot.client.get('risky')).summary?.canary?.ended;
      },
      { timeoutMs: 30_000, what: 'the withdrawal' },
    );
    const { summary } = await pilot.client.get('risky');
    expect(summary?.canary?.ended).toMatch(/^withdrawn: \d+ of \d+ calls failed/);
    expect(summary?.latest?.number).toBe(1);
    expect(new Set(await Promise.all(Array.from({ length: 30 }, () => answer('risky'))))).toEqual(new Set(['good']));
  }, 90_000);

  it('that is slower than was set is withdrawn, too', async () => {
    await deploy('slow', "return 'fast';", ['scale: { min: 1 }']);
    const slow = "return new Promise((done) => setTimeout(done, 80, 'slow'));";
    await deploy('slow', slow, ['scale: { min: 1 }', 'concurrency: 8'], ['--canary', '50', '--max-p99', '40ms']);
    await eventually(
      async () => {
        await Promise.allSettled(Array.from({ length: 20 }, () => answer('slow')));
        return (await pilot.client.get('slow')).summary?.canary?.ended;
      },
      { timeoutMs: 30_000, what: 'the withdrawal' },
    );
    expect((await pilot.cli(['get', 'slow'])).stdout).toMatch(/was one: withdrawn: p99 of its last calls is \d+ ms/);
  }, 60_000);

  it('has the triggers of the version beside it, and 1 to 99 percent', async () => {
    const other = ['on: [{ subject: "elsewhere.*" }]'];
    expect(await deploy('tried', "return 'third';", other, ['--canary', '10'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('must have the triggers of version'),
    });
    expect(await deploy('tried', "return 'third';", settings, ['--canary', '100'])).toMatchObject({ code: 2 });
    // Bounds of a canary that there is not would hold for nothing.
    expect(await deploy('tried', "return 'third';", settings, ['--max-errors', '5'])).toMatchObject({ code: 2 });
  }, 60_000);
});

it('deploying while events flow drops none of them, and each has one result', async () => {
  const settings = ['on: [{ subject: "flow.*" }]', 'output: "flown.{1}"', 'scale: { max: 1 }'];
  // An event takes a while: each deployment finds some under way.
  const body = (version: string) => `return new Promise((done) => setTimeout(() => done('${version}'), 5));`;
  await deploy('flows', body('v1'), settings);
  await using source = await pilot.events('source');
  let sent = 0;
  let isFlowing = true;
  const flowing = (async () => {
    while (isFlowing) {
      await source.publish(`flow.${sent++}`, '');
      await source.flush();
      // A hundred a second: less than the function takes.
      await systemClock.sleep(10);
    }
  })();
  flowing.catch(() => undefined);
  for (const version of ['v2', 'v3', 'v4']) {
    const told = await deploy('flows', body(version), settings);
    expect(JSON.parse(told.stdout).items).toMatchObject([{ name: 'flows', change: 'updated' }]);
    await eventually(async () => (await resultsOf(pilot, 'flown')).includes(version), {
      timeoutMs: 20_000,
      what: `a result of ${version}`,
    });
  }
  isFlowing = false;
  await flowing;
  const told = await deploy('flows', body('v4'), settings);
  expect(JSON.parse(told.stdout).items).toMatchObject([{ name: 'flows', change: 'unchanged' }]);
  await untilIdle(pilot, 'flows');
  expect((await resultsOf(pilot, 'flown')).length).toBe(sent);
  await pilot.cli(['rm', 'flows']);
}, 90_000);

describe('`rollback`', () => {
  it('withdraws a canary, else goes back to the version before, or to the one that is named', async () => {
    for (const text of ['one', 'two', 'three']) await deploy('moved', `return '${text}';`);
    expect(await pilot.cli(['rollback', 'moved'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('version 2'),
    });
    expect(await answer('moved')).toBe('two');
    expect(await pilot.cli(['rollback', 'moved', '1'])).toMatchObject({ code: 0 });
    expect(await answer('moved')).toBe('one');
    await deploy('moved', "return 'four';", [], ['--canary', '90']);
    const withdrawn = await pilot.cli(['rollback', 'moved', '-o', 'json']);
    expect(JSON.parse(withdrawn.stdout)).toMatchObject({ name: 'moved', change: 'canary withdrawn', version: 1 });
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => answer('moved'))))).toEqual(new Set(['one']));
    expect(await pilot.cli(['rollback', 'moved', '9'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('1, 2, 3, 4'),
    });
    await deploy('single', "return 'only';");
    expect(await pilot.cli(['rollback', 'single'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('no other version'),
    });
  }, 60_000);

  it('brings the triggers of that version back', async () => {
    await deploy('listens', "return 'first';", ['on: [{ subject: "first.*" }]', 'output: "heard.{1}"']);
    await deploy('listens', "return 'second';", ['on: [{ subject: "second.*" }]', 'output: "heard.{1}"']);
    expect(await pilot.cli(['rollback', 'listens'])).toMatchObject({ code: 0 });
    // Nodes learn of it a moment later; what they pull until then is still handled by the version that goes.
    const handledByFirst = async () => {
      await publish('first', 1);
      return (await resultsOf(pilot, 'heard')).includes('first');
    };
    await eventually(handledByFirst, { timeoutMs: 20_000, what: 'an event of the old trigger for the old version' });
  }, 60_000);
});

describe('`alias` and `diff`', () => {
  it('an alias names a version; a bad one is refused with what there is', async () => {
    await deploy('named', "return 'one';");
    await deploy('named', "return 'two';");
    expect(await pilot.cli(['alias', 'set', 'named', 'stable', '1'])).toMatchObject({ code: 0 });
    expect(await answer('named', 'stable')).toBe('one');
    expect((await pilot.cli(['versions', 'named'])).stdout).toMatch(/^1\t(previous,stable|stable,previous)\t/m);
    expect(await pilot.cli(['alias', 'set', 'named', 'stable', '7'])).toMatchObject({ code: 4 });
    expect(await pilot.cli(['alias', 'set', 'named', 'Stable', '1'])).toMatchObject({ code: 2 });
    expect(await pilot.cli(['alias', 'set', 'named', 'stable', 'x'])).toMatchObject({ code: 2 });
  }, 60_000);

  it('says what deploy would change, and deploy says the same', async () => {
    const folder = functions.write('compared', source("return 'one';"));
    expect((await pilot.cli(['diff', folder])).stdout).toBe('compared: create\n');
    await pilot.cli(['deploy', folder, '--skip-types']);
    expect((await pilot.cli(['diff', folder])).stdout).toBe('compared: unchanged\n');
    functions.write('compared', source("return 'other';"), ['timeout: 7s', 'scale: { max: 4 }']);
    const { stdout } = await pilot.cli(['diff', folder]);
    expect(stdout).toMatch(/^compared: update\n/);
    expect(stdout).toContain('  timeoutMs: 30000 -> 7000\n');
    expect(stdout).toMatch(/ {2}scale\.max: \d+ -> 4\n/);
    expect(stdout).toMatch(/ {2}bundle: .* -> /);
  }, 60_000);
});
