/** Traces from a source through functions, packs and a gather to dead letters, and of calls: in headers, letters, logs, and at a collector. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeadLetterReader } from '../harness/dead-letters.ts';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { post } from '../harness/https.ts';
import { gatewayUrl } from '../harness/metrics.ts';
import { TestPilot } from '../harness/pilot.ts';
import { type CollectedSpan, TraceCollector } from '../harness/trace-collector.ts';

const seenMs = 60_000;
const trace = '0af7651916cd43dd8448eb211c80319c';
const refusedTrace = '1bf7651916cd43dd8448eb211c80319d';
const packTrace = '2cf7651916cd43dd8448eb211c80319e';
const callTrace = '3df7651916cd43dd8448eb211c80319f';
const sourceSpan = 'b7ad6b7169203331';
const traceparent = `00-${trace}-${sourceSpan}-01`;
let collector: TraceCollector;
let pilot: TestPilot;
const functions = new FunctionFolder();

/** Of the runs that came to something: an event may have been given back before, where no slot was free. */
function spansOf(functionName: string, outcome: string, ofTrace = trace): CollectedSpan[] {
  const ended = (span: CollectedSpan) =>
    span.attributes.some(({ key, value }) => key === 'pilotfish.outcome' && value['stringValue'] === outcome);
  return collector.ofTrace(ofTrace).filter((span) => span.name === `process ${functionName}` && ended(span));
}

beforeAll(async () => {
  collector = await TraceCollector.start();
  pilot = await TestPilot.start({ traces: collector.url, coresPerNode: 4 });
  await functions.deploy(
    pilot,
    'cut',
    `async (event, ctx) => {
      ctx.log.info('cutting', { trace: ctx.trace?.traceId });
      await ctx.publish('beside.' + event.text(), JSON.stringify(ctx.trace ?? {}));
      return new Output(event.data, { subject: 'tiles.s1.part', headers: { 'Pilotfish-Part': 'part:' + event.text() } });
    }`,
    ['on: [{ subject: "raw.*" }]', 'output: "none.{1}"'],
  );
  await functions.deploy(pilot, 'collect', '(event) => event.parts.key', [
    'on: [{ subject: "tiles.*.part", gather: { key: "{1}", count: 2, gap: 20s, timeout: 60s } }]',
    'output: "gathered.{1}"',
  ]);
  await functions.deploy(pilot, 'bad', '() => { throw new Reject("not wanted"); }', [
    'on: [{ subject: "gathered.*" }]',
  ]);
  await using source = await pilot.events('source');
  for (const at of [0, 1])
    await source.publish(`raw.${at}`, String(at), { headers: { traceparent, tracestate: 'lab=7' } });
  await source.publish('raw.2', '7', { headers: { traceparent: `00-${'c'.repeat(32)}-${sourceSpan}-00` } });
  await source.flush();
});

afterAll(async () => {
  await pilot?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
  functions[Symbol.dispose]();
});

describe('a trace', () => {
  it('goes from the source through two functions and a gather into a dead letter', async () => {
    await using letters = await DeadLetterReader.open(pilot);
    await eventually(() => letters.of('bad').length === 1, { timeoutMs: seenMs, what: 'a dead letter' });
    const [letter] = letters.of('bad');
    expect(letter?.traceparent.slice(3, 35)).toBe(trace);
    await eventually(() => spansOf('bad', 'failed').length === 1, { timeoutMs: seenMs, what: 'all spans' });
    const [first, second] = spansOf('cut', 'result');
    const [collect] = spansOf('collect', 'result');
    const [bad] = spansOf('bad', 'failed');
    expect([first?.parentSpanId, second?.parentSpanId]).toEqual([sourceSpan, sourceSpan]);
    expect([first?.spanId, second?.spanId]).toContain(collect?.parentSpanId);
    expect(bad?.parentSpanId).toBe(collect?.spanId);
    expect(letter?.traceparent.slice(36, 52)).toBe(bad?.spanId);
    expect(bad?.status).toMatchObject({ code: 2, message: 'not wanted' });
  });

  it('tells of each event how long it waited, was handed over, was handled and was stored', async () => {
    await eventually(() => spansOf('collect', 'result').length === 1, { timeoutMs: seenMs, what: 'the span' });
    const [collect] = spansOf('collect', 'result');
    const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === collect?.spanId);
    const own = parts.filter(({ name }) => !name.startsWith('process'));
    expect(own.map(({ name }) => name)).toEqual(['wait in the queue', 'hand-over', 'handler', 'publish']);
    for (const { startTimeUnixNano, endTimeUnixNano } of collector.spans)
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
  });

  it('is known to the function, to what it publishes beside, and to its log lines', async () => {
    await using viewer = await pilot.events('viewer');
    for await (const event of await viewer.read('beside.0', { from: 'all' })) {
      const known = JSON.parse(Buffer.from(event.data).toString()) as Record<string, unknown>;
      expect(known).toMatchObject({ traceId: trace, sampled: true, tracestate: 'lab=7' });
      expect(event.headers['traceparent']).toBe(known['traceparent']);
      break;
    }
    const logs = await pilot.cli(['logs', 'cut', '-o', 'json']);
    const lines = logs.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ traceId }) => traceId === trace)).toHaveLength(2);
    const [{ callId = '' } = {}] = lines as { callId?: string }[];
    const ofCall = await pilot.cli(['logs', 'cut', '--call', callId, '-o', 'json']);
    expect(ofCall.stdout.trim().split('\n')).toHaveLength(1);
  });

  it('goes into the letter of an event that cannot be gathered', async () => {
    await using letters = await DeadLetterReader.open(pilot);
    await using source = await pilot.events('source');
    const headers = { traceparent: `00-${refusedTrace}-${sourceSpan}-01` };
    await source.publish('tiles.s1.part', 'no part', { headers });
    await source.flush();
    const refused = () => letters.of('collect').find(({ traceparent: told }) => told.includes(refusedTrace));
    await eventually(() => refused() !== undefined, { timeoutMs: seenMs, what: 'the letter of what is no part' });
  });

  it('goes through the members of a pack, each below the one that caused it', async () => {
    const source = `import { defineFunction, Reject } from 'pilotfish/sdk';
export default defineFunction({
  handleBatch: (events) => events.map((event) => (event.text() === 'bad' ? new Reject('not wanted') : event.data)),
});
`;
    const batched = functions.write('batched', source, [
      'on: [{ subject: "many.*" }]',
      'output: "single.{1}"',
      'batch: { size: 8 }',
    ]);
    await deployFolder(pilot, batched);
    await functions.deploy(pilot, 'single', '(event) => event.data', ['on: [{ subject: "single.*" }]']);
    await using packs = await pilot.events('source', { pack: true });
    const headers = { traceparent: `00-${packTrace}-${sourceSpan}-01` };
    for (const text of ['one', 'two', 'bad']) await packs.publish('many.a', text, { headers });
    await packs.publish('many.a', 'untold');
    await packs.flush();
    const done = () => spansOf('batched', 'result', packTrace);
    const failed = () => spansOf('batched', 'failed', packTrace);
    const after = () => spansOf('single', 'result', packTrace);
    await eventually(() => done().length === 2 && failed().length === 1 && after().length === 2, {
      timeoutMs: seenMs,
      what: 'spans of three members, and of the two results',
    });
    for (const { parentSpanId } of [...done(), ...failed()]) expect(parentSpanId).toBe(sourceSpan);
    expect(failed()[0]?.status.message).toBe('not wanted');
    const ids = done().map(({ spanId }) => spanId);
    expect(
      after()
        .map(({ parentSpanId }) => parentSpanId ?? '')
        .toSorted(),
    ).toEqual(ids.toSorted());
  });

  it('is recorded of calls: by command line, later, and over HTTP', async () => {
    await functions.deploy(pilot, 'ask', '(event) => event.data', ['on: [{ http: { path: /ask, answer: result } }]']);
    const header = `traceparent=00-${callTrace}-${sourceSpan}-01`;
    const calls = () => collector.ofTrace(callTrace).filter(({ name }) => name === 'call ask');
    for (const [at, how] of [[], ['--async']].entries()) {
      const invoked = await pilot.cli(['invoke', 'ask', '-d', 'hi', '-H', header, ...how]);
      expect(invoked.code, invoked.stderr).toBe(0);
      await eventually(() => calls().length === at + 1, { timeoutMs: seenMs, what: `span ${at} of a call` });
    }
    const answer = await post(pilot.connection, `${await gatewayUrl(pilot)}/ask`, 'hi', {
      headers: { traceparent: `00-${callTrace}-${sourceSpan}-01` },
    });
    expect(answer).toMatchObject({ status: 200, text: 'hi' });
    await eventually(() => calls().length === 3, { timeoutMs: seenMs, what: 'the span of a request' });
    for (const { parentSpanId, spanId } of calls()) {
      expect(parentSpanId).toBe(sourceSpan);
      const parts = collector.ofTrace(callTrace).filter((span) => span.parentSpanId === spanId);
      expect(parts.map(({ name }) => name)).toEqual(['wait in the queue', 'hand-over', 'handler']);
    }
  });

  it('is recorded only where its source wants that', () => {
    // That of raw.2, whose source does not, and events without any: the share of this pilot is 0.
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([trace, packTrace, callTrace]));
  });
});
