/**
 * Spans as OTLP has them in JSON (opentelemetry-proto, trace/v1), written as text at once: one traced event has five, and a tree of
 * objects for each of their attributes cost more than all else about them. Pure.
 */
import type { FinishedSpan } from '#telemetry';

type Attributes = FinishedSpan['attributes'];

/** Numbers of SpanKind. */
const kinds = { internal: 1, server: 2, producer: 4, consumer: 5 } as const;
const errorStatus = 2;
/** Sampled, and said whether the parent is in another process; the last one says that it is. */
const sampledFlags = 1 | 256;
const remoteFlag = 512;

/** The body of one export request, without what is empty; ids are hexadecimal, `resource` says who has recorded, `scope` with what. */
export function encodeSpans(spans: readonly FinishedSpan[], resource: Attributes, scope: SpanScope): string {
  const own = `"name":${quote(scope.name)},"version":${quote(scope.version)}`;
  const list = spans.map(spanText).join(',');
  return `{"resourceSpans":[{"resource":{"attributes":${attributesText(resource)}},"scopeSpans":[{"scope":{${own}},"spans":[${list}]}]}]}`;
}

export interface SpanScope {
  readonly name: string;
  readonly version: string;
}

function spanText(span: FinishedSpan): string {
  const parent = span.parentId === undefined ? '' : `"parentSpanId":"${span.parentId}",`;
  const state = span.traceState === undefined ? '' : `"traceState":${quote(span.traceState)},`;
  const status = span.error === undefined ? '' : `"status":{"code":${errorStatus},"message":${quote(span.error)}},`;
  const attributes = attributesText(span.attributes);
  const own = attributes === '[]' ? '' : `"attributes":${attributes},`;
  const flags = span.parentId === undefined ? sampledFlags : sampledFlags | remoteFlag;
  return (
    `{"traceId":"${span.traceId}","spanId":"${span.spanId}",${parent}${state}"name":${quote(span.name)},` +
    `"kind":${kinds[span.kind]},"startTimeUnixNano":"${nanoseconds(span.startMs)}","endTimeUnixNano":"${nanoseconds(span.endMs)}",` +
    `${own}${status}"flags":${flags}}`
  );
}

function attributesText(attributes: Attributes): string {
  let text = '';
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}{"key":${quote(key)},"value":{${valueText(value)}}}`;
  }
  return `[${text}]`;
}

function valueText(value: Attributes[string]): string {
  if (typeof value === 'string') return `"stringValue":${quote(value)}`;
  if (typeof value === 'boolean') return `"boolValue":${value}`;
  if (!Number.isFinite(value)) return `"stringValue":"${value}"`;
  return Number.isSafeInteger(value) ? `"intValue":${value}` : `"doubleValue":${value}`;
}

/** Milliseconds since 1970 as text: nanoseconds do not fit into a number, and clocks tell no more than microseconds. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1_000)}000`;
}

const quote = JSON.stringify as (text: string) => string;
