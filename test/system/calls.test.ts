/** Asynchronous calls: an id at once, the result later; cancelled, failed, and over kills of gateway and agent. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
const marks = mkdtempSync(join(tmpdir(), 'pilotfish-marks-'));
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 8 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  rmSync(marks, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function untilState(callId: string, state: string): Promise<void> {
  await eventually(async () => (await pilot.client.call(callId)).call?.state === state, {
    timeoutMs: 30_000,
    what: `call ${callId} is ${state}`,
  });
}

const slowly = (ms: number) => `async (event, ctx) => {
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, ${ms});
    ctx.signal.addEventListener('abort', () => { clearTimeout(timer); resolve(undefined); });
  });
  if (ctx.signal.aborted) ctx.log.info('told to stop');
  return event.text() + '!';
}`;

describe('`invoke --async`', () => {
  it('gives an id at once; `calls` shows it, waits for it and prints the result', async () => {
    await functions.deploy(pilot, 'shout', '(event) => event.text().toUpperCase()');
    const started = await pilot.cli(['invoke', 'shout', '-d', 'hi', '--async', '--keep', '1h']);
    const callId = started.stdout.trim();
    expect(callId).toMatch(/^shout\.[A-Za-z0-9]{12}$/);
    expect(await pilot.cli(['calls', 'wait', callId])).toMatchObject({ code: 0, stdout: 'HI' });
    const shown = JSON.parse((await pilot.cli(['calls', 'get', callId, '-o', 'json'])).stdout) as Record<
      string,
      string
    >;
    expect(shown).toMatchObject({ callId, state: 'done', attempts: 1, node: 'n1', resultBytes: 2 });
    const keptMs = Date.parse(shown['keptUntil'] ?? '') - Date.parse(shown['endedAt'] ?? '');
    expect(keptMs).toBe(3_600_000);
    const listed = JSON.parse((await pilot.cli(['calls', 'list', 'shout', '-o', 'json'])).stdout) as {
      items: object[];
    };
    expect(listed.items).toMatchObject([{ callId, state: 'done' }]);
    expect(await pilot.cli(['calls', 'list', 'other', '-o', 'name'])).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringContaining('there is no function "other"'),
    });
  }, 60_000);

  it('keeps the result for its time and no longer', async () => {
    const callId = await pilot.client.invokeAsync('shout', Buffer.from('short'), { keepMs: 5_000 });
    await pilot.client.waitCall(callId, 20_000);
    await eventually(
      () =>
        pilot.client.call(callId).then(
          () => false,
          (error: { code: string }) => error.code === 'not-found',
        ),
      { timeoutMs: 40_000, what: 'the result is kept no longer' },
    );
  }, 60_000);

  it('tells what went wrong after its tries, with the exit code of `invoke`', async () => {
    await functions.deploy(pilot, 'fails', `() => { throw new Error('broken'); }`, [
      'retry: { attempts: 3, min: 10ms, max: 20ms }',
    ]);
    await functions.deploy(pilot, 'rejects', `() => { throw new Reject('never'); }`);
    const failed = await pilot.client.invokeAsync('fails', Buffer.alloc(0));
    expect(await pilot.cli(['calls', 'wait', failed])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('broken'),
    });
    expect((await pilot.client.call(failed)).call).toMatchObject({ state: 'failed', attempts: 3 });
    const rejected = await pilot.client.invokeAsync('rejects', Buffer.alloc(0));
    expect((await pilot.client.waitCall(rejected, 20_000)).call).toMatchObject({
      state: 'failed',
      attempts: 1,
      error: { code: 'function-rejected' },
    });
    expect(await pilot.cli(['invoke', 'shuot', '-d', 'x', '--async'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('"shout"'),
    });
    expect(await pilot.cli(['calls', 'get', 'shout.doesnotexist'])).toMatchObject({ code: 4 });
    expect(await pilot.cli(['calls', 'get', 'nonsense'])).toMatchObject({ code: 2 });
  }, 60_000);

  it('is cancelled while it runs, and while it waits; `ctx.signal` aborts', async () => {
    await functions.deploy(pilot, 'slow', slowly(60_000), ['timeout: 2m', 'scale: { max: 1 }']);
    const running = await pilot.client.invokeAsync('slow', Buffer.from('a'));
    await untilState(running, 'running');
    const waiting = await pilot.client.invokeAsync('slow', Buffer.from('b'));
    expect(await pilot.client.cancelCall(waiting)).toMatchObject({ state: 'cancelled' });
    expect(await pilot.cli(['calls', 'cancel', running, '-o', 'json'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"cancelled"'),
    });
    await eventually(async () => (await pilot.cli(['logs', 'slow'])).stdout.includes('told to stop'), {
      timeoutMs: 20_000,
      what: 'the function heard of it',
    });
    expect((await pilot.client.waitCall(running, 5_000)).call?.state).toBe('cancelled');
    expect(await pilot.cli(['calls', 'cancel', running])).toMatchObject({ code: 0 });
    // Whoever waits for a result is not told that there is one.
    expect(await pilot.cli(['calls', 'wait', running])).toMatchObject({ code: 130, stdout: '' });
  }, 60_000);

  it('survives kill -9 of the gateway and of the agent: it ends once, with one result', async () => {
    const handler = `async (event) => {
      const { appendFileSync } = await import('node:fs');
      appendFileSync(${JSON.stringify(join(marks, 'runs'))}, event.text() + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 3000));
      return event.text() + ' done';
    }`;
    await functions.deploy(pilot, 'lasts', handler, [`permissions: { write: [${marks}] }`, 'timeout: 20s']);
    const first = await pilot.client.invokeAsync('lasts', Buffer.from('one'));
    await untilState(first, 'running');
    await eventually(() => existsSync(join(marks, 'runs')), { timeoutMs: 20_000, what: 'the call has begun' });
    process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
    const afterGateway = await eventually(() => pilot.client.waitCall(first, 30_000), {
      timeoutMs: 60_000,
      what: 'the call ends at the next gateway',
    });
    expect(afterGateway).toMatchObject({ call: { state: 'done' }, payload: Buffer.from('one done') });
    const second = await pilot.client.invokeAsync('lasts', Buffer.from('two'));
    await eventually(() => readFileSync(join(marks, 'runs'), 'utf8').includes('two'), {
      timeoutMs: 20_000,
      what: 'it runs',
    });
    process.kill(pilot.pid('n1', 'agent'), 'SIGKILL');
    expect(await pilot.client.waitCall(second, 60_000)).toMatchObject({
      call: { state: 'done' },
      payload: Buffer.from('two done'),
    });
  }, 120_000);
});
