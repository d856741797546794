/** Spans of a pilot at a collector of the OpenTelemetry project, over OTLP as it is spoken outside of our own tests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { missingCollector, OtelCollector, type TakenSpan } from '../harness/otel-collector.ts';
import { TestPilot } from '../harness/pilot.ts';

const skipped = missingCollector();
const seenMs = 60_000;
const trace = '0af7651916cd43dd8448eb211c80319c';
const sourceSpan = 'b7ad6b7169203331';
const traceparent = `00-${trace}-${sourceSpan}-01`;

describe.skipIf(skipped)(`a real collector${skipped ? ` (${skipped})` : ''}`, () => {
  let collector: OtelCollector;
  let pilot: TestPilot;
  const functions = new FunctionFolder();

  beforeAll(async () => {
    collector = await OtelCollector.start();
    await eventually(() => collector.isReady, { timeoutMs: seenMs, what: 'the collector is ready' });
    pilot = await TestPilot.start({ traces: collector.url, coresPerNode: 4 });
    await functions.deploy(pilot, 'first', '(event) => event.data', [
      'on: [{ subject: "raw.*" }]',
      'output: "done.{1}"',
    ]);
    await functions.deploy(pilot, 'second', '(event) => event.data', ['on: [{ subject: "done.*" }]']);
  }, 180_000);

  afterAll(async () => {
    await pilot?.[Symbol.asyncDispose]();
    await collector?.[Symbol.asyncDispose]();
    functions[Symbol.dispose]();
  });

  it.each([false, true])(
    'takes the spans of events, of one function below those of the other (in packs: %s)',
    async (pack) => {
      const before = collector.spans().length;
      await using source = await pilot.events('source', { pack });
      for (const text of ['a', 'b']) await source.publish(`raw.${text}`, text, { headers: { traceparent } });
      await source.flush();
      const own = () => collector.spans().slice(before);
      const done = (name: string) => own().filter((span) => span.name === name && span.outcome === 'result');
      await eventually(() => done('process first').length === 2 && done('process second').length === 2, {
        timeoutMs: seenMs,
        what: 'spans of both functions',
      });
      const first = done('process first');
      for (const span of first) expect(span).toMatchObject({ traceId: trace, parentId: sourceSpan, kind: 'Consumer' });
      const ids = first.map(({ id }) => id).toSorted();
      const parentsOf = (spans: readonly TakenSpan[]) => spans.map(({ parentId }) => parentId).toSorted();
      expect(parentsOf(done('process second'))).toEqual(ids);
      for (const part of ['wait in the queue', 'hand-over', 'handler', 'publish'])
        expect(parentsOf(own().filter(({ name, parentId }) => name === part && ids.includes(parentId)))).toEqual(ids);
    },
  );

  it('takes those of a call', async () => {
    const invoked = await pilot.cli(['invoke', 'first', '-d', 'hi', '-H', `traceparent=${traceparent}`]);
    expect(invoked.code, invoked.stderr).toBe(0);
    const calls = () => collector.spans().filter(({ name }) => name === 'call first');
    await eventually(() => calls().length === 1, { timeoutMs: seenMs, what: 'the span of the call' });
    expect(calls()[0]).toMatchObject({ traceId: trace, parentId: sourceSpan, kind: 'Server' });
  });
});
