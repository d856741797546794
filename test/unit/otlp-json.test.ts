/** Spans on the wire: what a collector reads is what was recorded, and a sink takes no more than it can hold. */
import { expect, it } from 'vitest';
import type { FinishedSpan, RecordedSpan, SpanKind } from '#telemetry';
import { openSpanSink } from '#tracing';
import { attributesText, spanText } from '../../platform/tracing/otlp-json.ts';
import { SpanBuffer } from '../../platform/tracing/span-buffer.ts';
import { fc } from '../harness/properties.ts';
import { TraceCollector } from '../harness/trace-collector.ts';

const kind: SpanKind = { name: 'handle echo', kind: 'internal', attributes: {} };
const plain: FinishedSpan = {
  of: kind,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  startMs: 1_764_288_000_123.456,
  endMs: 1_764_288_000_124,
  attributes: {},
  parts: [],
};
const named = (name: string): SpanKind => ({ ...kind, name });
const scope = { name: 'pilotfish', version: '0.1.0' };
const recorder = { resource: { 'service.name': 'agent' }, scope };
function recorded(span: FinishedSpan): RecordedSpan {
  return { spans: 1 + span.parts.length, finished: () => span };
}

const parsed = (...spans: FinishedSpan[]) => {
  const buffer = new SpanBuffer(recorder, 2 ** 20);
  for (const span of spans) expect(buffer.add(span)).toBe(true);
  return JSON.parse(buffer.request().toString()).resourceSpans[0];
};

it('writes a span as the protocol asks', () => {
  const attributes = { bytes: 128, share: 0.5, cold: false };
  const of = { ...kind, kind: 'consumer', attributes: { 'messaging.system': 'nats' } } as const;
  const span = { ...plain, of, parentId: '00f067aa0ba902b7', traceState: 'a=1', error: 'no' };
  expect(parsed({ ...span, attributes })).toEqual({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'agent' } }] },
    scopeSpans: [
      {
        scope,
        spans: [
          {
            traceId: plain.traceId,
            spanId: plain.spanId,
            parentSpanId: '00f067aa0ba902b7',
            traceState: 'a=1',
            name: 'handle echo',
            kind: 5,
            startTimeUnixNano: '1764288000123456000',
            endTimeUnixNano: '1764288000124000000',
            attributes: [
              { key: 'messaging.system', value: { stringValue: 'nats' } },
              { key: 'bytes', value: { intValue: 128 } },
              { key: 'share', value: { doubleValue: 0.5 } },
              { key: 'cold', value: { boolValue: false } },
            ],
            status: { code: 2, message: 'no' },
            flags: 769,
          },
        ],
      },
    ],
  });
  expect(parsed(plain).scopeSpans[0].spans[0]).toEqual({
    traceId: plain.traceId,
    spanId: plain.spanId,
    name: kind.name,
    kind: 1,
    startTimeUnixNano: '1764288000123456000',
    endTimeUnixNano: '1764288000124000000',
    flags: 257,
  });
});

it('writes the parts of a span as its children', () => {
  const of: SpanKind = { name: 'handler', kind: 'producer', attributes: {} };
  const part = { of, spanId: '00f067aa0ba902b8', startMs: 1_000.5, endMs: 1_001 };
  const [whole, first, second] = parsed({ ...plain, traceState: 'a=1', parts: [part, { ...part, of: named('b') }] })
    .scopeSpans[0].spans;
  expect(whole).toMatchObject({ name: kind.name, spanId: plain.spanId });
  expect(first).toEqual({
    traceId: plain.traceId,
    traceState: 'a=1',
    parentSpanId: plain.spanId,
    spanId: part.spanId,
    name: 'handler',
    kind: 4,
    startTimeUnixNano: '1000500000',
    endTimeUnixNano: '1001000000',
    flags: 257,
  });
  expect(second).toEqual({ ...first, name: 'b', kind: 1 });
});

it('tells times to the microsecond, whenever they are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 999 }), (ms, us) => {
      const [span] = parsed({ ...plain, startMs: ms + us / 1_000, endMs: ms + 1 }).scopeSpans[0].spans;
      expect(BigInt(span.startTimeUnixNano)).toBe(BigInt(ms) * 1_000_000n + BigInt(us) * 1_000n);
      expect(BigInt(span.endTimeUnixNano)).toBe(BigInt(ms + 1) * 1_000_000n);
    }),
  );
});

it('is JSON whatever functions, subjects and errors are called', () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), value), (text, attributes) => {
      const [span] = parsed({ ...plain, of: named(text), error: text, attributes }).scopeSpans[0].spans;
      expect({ name: span.name, message: span.status.message }).toEqual({ name: text, message: text });
      expect((span.attributes ?? []).map(({ key }: { key: string }) => key)).toEqual(Object.keys(attributes));
    }),
  );
});

it('is the same text whether it is put together or filled in', () => {
  const kinds = fc.record({
    name: fc.string({ unit: 'binary', maxLength: 9 }),
    kind: fc.constantFrom('consumer', 'server'),
  });
  const kindOf = kinds.map((each): SpanKind => ({ ...each, attributes: { 'a\n': 'b\t"TimeUnixNano":"1', n: 1 } }));
  const hex = fc.constantFrom(...'0123456789abcdef');
  const id = (length: number) => fc.string({ unit: hex, minLength: length, maxLength: length });
  const time = fc.double({ min: 9e11, max: 1.1e13, noNaN: true });
  const part = fc.record({ of: kindOf, spanId: id(16), startMs: time, endMs: time });
  const spans = fc.record({
    of: kindOf,
    traceId: id(32),
    spanId: id(16),
    parentId: fc.option(id(16), { nil: undefined }),
    startMs: time,
    endMs: time,
    attributes: fc.constantFrom({}, { own: 'größe' }),
    parts: fc.array(part, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(spans, (span) => {
      const filled = parsed(span, span).scopeSpans[0].spans;
      const full = JSON.parse(`[${spanText(span, attributesText(span.attributes))}]`);
      expect(filled).toEqual([...full, ...full]);
    }),
  );
});

it('takes what has room, whatever it is written with, and begins anew once it is sent', () => {
  const spans = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(spans, fc.integer({ min: 500, max: 4_000 }), (names, capacity) => {
      const buffer = new SpanBuffer(recorder, capacity);
      for (let round = 0; round < 2; round++) {
        const taken = names.filter((name) => buffer.add({ ...plain, of: named(name) }));
        const { scopeSpans } = JSON.parse(buffer.request().toString()).resourceSpans[0];
        expect(scopeSpans[0].spans.map(({ name }: { name: string }) => name)).toEqual(taken);
        expect(buffer.spans).toBe(taken.length);
        buffer.clear();
      }
    }),
  );
});

it('sends what was given, and drops what is too much while a batch is under way', async () => {
  await using collector = await TraceCollector.start();
  const sink = openSpanSink({ endpoint: collector.url, resource: {} });
  for (let at = 0; at < 20_000; at++) sink.add(recorded({ ...plain, of: named(String(at)) }));
  await sink.close();
  // A batch of 4,096 goes at once, 8,192 wait.
  expect(collector.spans.map(({ name }) => Number(name))).toEqual(Array.from({ length: 12_288 }, (_, at) => at));
});

it('counts the parts of a span among those that wait', async () => {
  await using collector = await TraceCollector.start();
  const sink = openSpanSink({ endpoint: collector.url, resource: {} });
  const part = { of: named('part'), spanId: plain.spanId, startMs: 1, endMs: 2 };
  const parts = [part, part, part, part];
  for (let at = 0; at < 4_000; at++) sink.add(recorded({ ...plain, parts }));
  await sink.close();
  // 820 of five go at once, as the 4,096th span is among them; 1,638 of five wait.
  expect(collector.spans).toHaveLength(5 * (820 + 1_638));
});

it('ends although nobody listens', async () => {
  const collector = await TraceCollector.start();
  const { url } = collector;
  await collector[Symbol.asyncDispose]();
  const sink = openSpanSink({ endpoint: url, resource: {} });
  sink.add(recorded(plain));
  await sink.close();
}, 30_000);

it('leaves out what a request has no room for, and sends the rest', async () => {
  await using collector = await TraceCollector.start();
  const sink = openSpanSink({ endpoint: collector.url, resource: {} });
  sink.add(recorded({ ...plain, of: named('first') }));
  sink.add(recorded({ ...plain, of: named('x'.repeat(4 * 2 ** 20)) }));
  sink.add(recorded({ ...plain, of: named('last') }));
  await sink.close();
  expect(collector.spans.map(({ name }) => name)).toEqual(['first', 'last']);
});
