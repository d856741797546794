/** What a host gives its function: ctx.signal, init and dispose, calls at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallOutcome, CallRun } from '../../platform/agent/call.ts';
import { eventually } from '../harness/eventually.ts';
import { call, HostNode } from '../harness/host-node.ts';

let node: HostNode;

beforeAll(async () => {
  node = await HostNode.start();
}, 30_000);

afterAll(() => node.close());

/** Handlers wait for the signal, then return or throw as their event says. */
const waits = `module.exports = {
  async handle(event, ctx) {
    await new Promise((done) => ctx.signal.addEventListener('abort', done));
    if (event.text() === 'throw') throw ctx.signal.reason;
    return 'put away';
  },
};`;

describe('ctx.signal', () => {
  it('aborts when the node has to be left: what ends in time counts, what fails is lost without an attempt', async () => {
    const one = await node.add('waits', 'typescript', Buffer.from(waits));
    const instances = await Promise.all([node.load(node.fork(), one), node.load(node.fork(), one)]);
    const outcomes = ['return', 'throw'].map((word, at) => {
      const instance = instances[at];
      if (!instance) throw new Error('no instance');
      const outcome = call(instance, Buffer.from(word));
      instance.drain();
      instance.interrupt();
      return outcome;
    });
    const [returned, thrown] = await Promise.all(outcomes);
    expect(returned).toMatchObject({ kind: 'result', body: expect.toSatisfy((body) => `${body}` === 'put away') });
    expect(thrown).toMatchObject({ kind: 'lost', ended: true });
  }, 30_000);

  it('aborts at the deadline of the call', async () => {
    const instance = await node.load(node.fork(), await node.add('late', 'typescript', Buffer.from(waits)));
    const { promise, resolve } = Promise.withResolvers<CallOutcome>();
    const header = '{"s":"","i":"late","q":0,"t":0,"a":1,"d":50}';
    instance.run({ header, body: Buffer.from('return'), timeoutMs: 10_000, settle: resolve });
    expect(await promise).toMatchObject({ kind: 'result' });
    instance.end('seen');
  }, 30_000);
});

describe('a retry whose wait is no number', () => {
  it('has the wait of the manifest, and its instance goes on', async () => {
    const source = `module.exports = { handle(event) {
      throw Object.assign(new Error('not yet'), { pilotfish: 'retry', afterMs: Number(event.text()) });
    } };`;
    const instance = await node.load(node.fork(), await node.add('wait', 'typescript', Buffer.from(source)));
    for (const [text, wait] of [['soon'], ['Infinity'], ['-Infinity'], ['7', 7], ['-7', 0]] as const) {
      const outcome = await call(instance, Buffer.from(text));
      expect(outcome).toMatchObject({ kind: 'failed', error: { kind: 'retry', message: 'not yet' } });
      expect(outcome.kind === 'failed' && outcome.error.retryAfterMs).toBe(wait);
    }
    instance.end('seen');
  }, 30_000);
});

describe('payloads that lie in files', () => {
  it('come whole, one after the other and several ahead, though their files are written over while they are read', async () => {
    const source = `module.exports = { handle({ data }) {
      const first = data[0];
      return String(data.length) + ' ' + data.every((byte) => byte === first) + ' ' + first;
    } };`;
    const instance = await node.load(node.fork(), await node.add('pages', 'typescript', Buffer.from(source)));
    const kibibyte = 2 ** 10;
    const sizes = [2_048, 300, 2_048, 2_049, 1_000, 5_000, 2_048].map((kib) => kib * kibibyte + 1);
    const answer = async (at: number) => {
      const bytes = sizes[at % sizes.length] ?? 0;
      const outcome = await call(instance, Buffer.alloc(bytes, (at % 255) + 1));
      expect(outcome).toMatchObject({
        body: expect.toSatisfy((body) => `${body}` === `${bytes} true ${(at % 255) + 1}`),
      });
    };
    for (let at = 0; at < 70; at++) await answer(at);
    await Promise.all(Array.from({ length: 30 }, (_, at) => answer(at)));
    instance.end('seen');
  }, 60_000);
});

describe('how long a call took', () => {
  it('is what the host has measured, also where its agent reads all answers at once', async () => {
    const source = `module.exports = { handle(event) {
      const until = performance.now() + Number(event.text());
      while (performance.now() < until);
    } };`;
    const instance = await node.load(node.fork(), await node.add('busy', 'typescript', Buffer.from(source)));
    const runs: CallRun[] = [];
    const all = Promise.withResolvers<void>();
    for (let n = 0; n < 4; n++) {
      const settle = (_: CallOutcome, run: CallRun) => {
        if (runs.push(run) === 4) all.resolve();
      };
      const header = `{"s":"","i":"${n}","q":0,"t":0,"a":1,"d":60000}`;
      instance.run({ header, body: Buffer.from('30'), timeoutMs: 60_000, settle });
    }
    // The frames leave; then this process, the agent here, is busy while the host answers all four.
    await new Promise((resolve) => setImmediate(resolve));
    const busyUntil = performance.now() + 500;
    while (performance.now() < busyUntil);
    await all.promise;
    for (const { ms } of runs) expect(ms).toBeGreaterThanOrEqual(30);
    // One after the other: each began after the one before it had ended.
    const begins = runs.map(({ beganMs = 0 }) => beganMs);
    for (const [at, began] of begins.entries()) if (at > 0) expect(began - (begins[at - 1] ?? 0)).toBeGreaterThan(25);
    instance.end('seen');
  }, 60_000);
});

describe('a host', () => {
  it('says that it has lost its agent, and not that it went by itself', async () => {
    const host = node.fork();
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    host.adopt({ connected: (socket) => void socket.destroy(), output: () => undefined, ended: resolve });
    expect(await ended).toMatch(/^it exited with code 79, as a host does that has lost its agent/);
  }, 30_000);

  it('runs init before the first call and dispose after the last', async () => {
    const source = `let made = 0;
      module.exports = {
        async init({ log }) { await 1; made++; log.info('init'); },
        handle: () => String(made),
        async dispose() { await 1; console.log('dispose ' + made); },
      };`;
    const said: string[] = [];
    const one = await node.add('lives', 'typescript', Buffer.from(source));
    const instance = await node.load(node.fork(), one, { onLog: (text) => said.push(text) });
    for (let n = 0; n < 2; n++)
      expect(await call(instance, Buffer.alloc(0))).toMatchObject({ kind: 'result', body: Buffer.from('1') });
    instance.drain();
    await eventually(() => said.length === 2, { timeoutMs: 10_000, what: 'its last word' });
    expect(said).toEqual(['init', 'dispose 1']);
  }, 30_000);

  it('works on as many calls at once as the manifest says, and on no more', async () => {
    const source = `let open = 0; let most = 0; const waiting = [];
      module.exports = { async handle() {
        most = Math.max(most, ++open);
        await new Promise((done) => { waiting.push(done); if (waiting.length === 3) for (const go of waiting.splice(0)) go(); });
        open--;
        return String(most);
      } };`;
    const one = await node.add('wide', 'typescript', Buffer.from(source));
    const instance = await node.load(node.fork(), one, { concurrency: 3 });
    const outcomes = await Promise.all(Array.from({ length: 9 }, () => call(instance, Buffer.alloc(0))));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'result', body: Buffer.from('3') });
    instance.end('seen');
  }, 30_000);
});
