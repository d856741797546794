/** Spans of calls: only where the caller wants them, from when they could have run, with the time that the instance measured. */
import { expect, it } from 'vitest';
import { systemClock } from '#common';
import type { FinishedSpan, RecordedSpan } from '#telemetry';
import { Traces } from '../../platform/agent/traces/traces.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = 'b7ad6b7169203331';

function tracesOf(ratio: number) {
  const spans: FinishedSpan[] = [];
  const sink = { add: (span: RecordedSpan) => void spans.push(span.finished()), close: async () => undefined };
  return { spans, traces: new Traces({ sink, ratio, pilot: 'p', clock: systemClock }) };
}

const version = { function: 'f', number: 2 };

it('a call whose caller records it is a span of that trace, with its handler', () => {
  const { spans, traces } = tracesOf(0);
  const dueMs = systemClock.now() - 5_000;
  const trace = traces.beginCall(version, { id: 'c1', headers: { traceparent: `00-${traceId}-${parent}-01` }, dueMs });
  const now = systemClock.now() + 1_000;
  trace?.handled(
    { kind: 'result', form: 0, header: '', body: new Uint8Array(0) },
    { instance: 'i', ms: 300, beganMs: now - 400 },
    now,
  );
  trace?.end(now);
  const [call, ...others] = spans;
  expect([call?.of.name, call?.of.kind, others]).toEqual(['call f', 'server', []]);
  const [wait, handOver, handler] = call?.parts ?? [];
  expect(call?.parts.map(({ of }) => [of.name, of.kind])).toEqual([
    ['wait in the queue', 'internal'],
    ['hand-over', 'internal'],
    ['handler', 'internal'],
  ]);
  expect(call).toMatchObject({
    traceId,
    parentId: parent,
    of: { attributes: { 'pilotfish.version': 2 } },
    attributes: { 'pilotfish.call': 'c1' },
  });
  expect([call?.startMs, wait?.startMs]).toEqual([dueMs, dueMs]);
  expect(wait?.endMs).toBe(handOver?.startMs);
  expect(trace?.traceparent).toBe(`00-${traceId}-${call?.spanId}-01`);
  expect(handler).toMatchObject({ startMs: now - 400, endMs: now - 100 });
});

it('a call that failed says so', () => {
  const { spans, traces } = tracesOf(0);
  const trace = traces.beginCall(version, { id: 'c1', headers: { traceparent: `00-${traceId}-${parent}-01` } });
  const error = { kind: 'failed', message: 'no such luck', stack: '' } as const;
  trace?.handled({ kind: 'failed', error }, { instance: 'i', ms: 1 }, systemClock.now());
  trace?.end(systemClock.now());
  expect(spans[0]?.error).toBe('no such luck');
});

it.each([
  ['without a trace', {}],
  ['of a trace that is not recorded', { traceparent: `00-${traceId}-${parent}-00` }],
])('a call %s has none, whatever share of events is traced', (_what, headers) => {
  expect(tracesOf(1).traces.beginCall(version, { id: 'c1', headers })).toBeUndefined();
});
