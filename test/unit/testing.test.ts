/** `pilotfish/testing` gives a function what the real host gives it. */
import { compileString } from 'assemblyscript/asc';
import { defineFunction, Output, outputs, Reject, Retry } from 'pilotfish/sdk';
import { moduleFunction, testFunction } from 'pilotfish/testing';
import { expect, test } from 'vitest';

test('outputs, logs, publishes and state are there to be looked at', async () => {
  const definition = defineFunction({
    async handle(event, ctx) {
      ctx.log.warn('seen', { subject: event.subject });
      await ctx.publish('side.effect', 'hello', { headers: { Colour: 'red' } });
      await ctx.state.update('count', (current) => Number(current?.text() ?? '0') + 1);
      return outputs([{ n: 1 }, new Output('two', { subject: 'other', headers: { A: 'b' } })]);
    },
  });
  const t = testFunction(definition, { state: { count: 4 } });
  const outcome = await t.event({ data: 'x', subject: 'in.a' });
  expect(outcome).toMatchObject({ kind: 'done', text: '{"n":1}' });
  expect(outcome.kind === 'done' && outcome.outputs[1]).toMatchObject({ subject: 'other', headers: { A: 'b' } });
  expect(t.logs).toEqual([{ level: 'warn', message: 'seen', fields: { subject: 'in.a' }, call: 'test.1' }]);
  expect(t.published).toMatchObject([{ subject: 'side.effect', headers: { Colour: 'red' }, id: 'test.1.publish.0' }]);
  expect(t.state.texts()).toEqual({ count: '5' });
});

test('the deadline comes when the clock says so', async () => {
  const definition = defineFunction({
    handle: (_event, ctx) => new Promise<string>((done) => ctx.signal.addEventListener('abort', () => done('late'))),
  });
  const t = testFunction(definition, { timeoutMs: 1_000 });
  const outcome = t.event();
  await t.init();
  t.clock.advance(999);
  await expect(Promise.race([outcome, Promise.resolve('open')])).resolves.toBe('open');
  t.clock.advance(1);
  expect(await outcome).toMatchObject({ text: 'late' });
});

test('what is thrown is an outcome: retry with its wait, reject, failure; init fails every event', async () => {
  const thrown = (error: unknown) =>
    testFunction(
      defineFunction({
        handle: () => {
          throw error;
        },
      }),
    ).event();
  expect(await thrown(new Retry({ afterMs: 50 }))).toMatchObject({ kind: 'retry', afterMs: 50 });
  expect(await thrown(new Reject('no'))).toMatchObject({ kind: 'reject' });
  expect(await thrown(new Error('oops'))).toMatchObject({ kind: 'failed' });
  const broken = defineFunction({
    init: () => {
      throw new Error('no init');
    },
    handle: () => 'x',
  });
  expect(await testFunction(broken).event()).toMatchObject({ kind: 'failed', error: new Error('no init') });
});

test('generators give all their pieces, batches one outcome an event, gathers their parts in order', async () => {
  const pieces = defineFunction({
    async *handle() {
      yield 'a';
      yield 'b';
    },
  });
  const outcome = await testFunction(pieces).event();
  expect(outcome.kind === 'done' && outcome.outputs.map(({ data }) => new TextDecoder().decode(data))).toEqual([
    'a',
    'b',
  ]);
  const short = defineFunction({ handleBatch: () => [] });
  expect(await testFunction(short).batch([{}, {}])).toMatchObject([{ kind: 'failed' }, { kind: 'failed' }]);
  const gather = defineFunction({
    async handle(event) {
      const seen: string[] = [];
      if (event.parts) for await (const { kind, index } of event.parts) seen.push(`${kind}${index}`);
      return { seen, counts: event.parts?.counts };
    },
  });
  const data = new Uint8Array(1);
  const parts = [2, 0, 0].map((index) => ({ kind: 'b', index, data }));
  expect(await testFunction(gather).event({ parts: [...parts, { kind: 'a', index: 1, data }] })).toMatchObject({
    text: '{"seen":["a1","b0","b2"],"counts":{"a":1,"b":2}}',
  });
});

test('state under compare-and-set conflicts like the real one', async () => {
  const definition = defineFunction({
    async handle(_event, ctx) {
      const revision = await ctx.state.set('k', 1, { revision: 0 });
      await ctx.state.set('k', 2, { revision });
      return ctx.state.set('k', 3, { revision }).then(
        () => 'written',
        (error: Error) => error.name,
      );
    },
  });
  expect(await testFunction(definition).event()).toMatchObject({ text: 'StateConflict' });
});

test('a WASM module says what it says to the real host', async () => {
  const { binary, stderr } = await compileString(
    `@external("pilotfish", "log") declare function log(level: i32, at: usize, length: i32): void;
    @external("pilotfish", "emit") declare function emit(to: usize, toLength: i32, at: usize, length: i32): void;
    @external("pilotfish", "fail") declare function fail(kind: i32, at: usize, length: i32): void;
    @external("pilotfish", "config") declare function config(at: usize, room: i32): i32;
    const room = memory.data(256);
    export function alloc(length: i32): usize { return room; }
    export function handle(at: usize, length: i32): u64 {
      log(2, at, length);
      if (load<u8>(at) == 33) fail(1, at, length);
      if (load<u8>(at) == 63) abort("asked");
      emit(at, 1, at, length);
      return ((room + 128) as u64) << 32 | (config(room + 128, 128) as u64);
    }`,
    { optimizeLevel: 1 },
  );
  expect(String(stderr)).toBe('');
  const t = testFunction(moduleFunction(binary ?? new Uint8Array(), { a: 1 }));
  const outcome = await t.event({ data: 'x' });
  expect(outcome).toMatchObject({ kind: 'done', text: '{"a":1}' });
  expect(outcome.kind === 'done' && outcome.outputs[1]).toMatchObject({ subject: 'x', data: Uint8Array.of(120) });
  expect(t.logs).toMatchObject([{ level: 'warn', message: 'x' }]);
  expect(await t.event({ data: '!' })).toMatchObject({ kind: 'reject' });
  expect(await t.event({ data: '?' })).toMatchObject({
    kind: 'failed',
    error: { message: expect.stringMatching(/^asked at .*:\d+:\d+$/) },
  });
});
