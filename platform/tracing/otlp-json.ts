/**
 * Spans as OTLP has them in JSON (opentelemetry-proto, trace/v1), written as text at once: one traced event has five, and a tree of
 * objects for each of their attributes cost more than all else about them. Pure.
 */
import type { FinishedSpan, SpanAttributes, SpanKind, SpanPart } from '#telemetry';

/** Numbers of SpanKind. */
const kinds = { internal: 1, server: 2, producer: 4, consumer: 5 } as const;
const errorStatus = 2;
/** Sampled, and said whether the parent is in another process; the last one says that it is. */
const sampledFlags = 1 | 256;
const remoteFlag = 512;

export interface Recorder {
  /** Who has recorded: service.name and the like. */
  readonly resource: SpanAttributes;
  /** With what. */
  readonly scope: { readonly name: string; readonly version: string };
}

/** An export request before its spans, which stand between commas, and behind them. */
export function requestHead({ resource, scope }: Recorder): string {
  const own = `"name":${quote(scope.name)},"version":${quote(scope.version)}`;
  return `{"resourceSpans":[{"resource":{"attributes":[${attributesText(resource)}]},"scopeSpans":[{"scope":{${own}},"spans":[`;
}
export const requestTail = ']}]}]}';

/** A span and behind it its parts, without what is empty; ids are hexadecimal. `attributes`: its own, as JSON. */
export function spanText(span: FinishedSpan, attributes: string): string {
  const parent = span.parentId === undefined ? '' : `"parentSpanId":"${span.parentId}",`;
  const state = span.traceState === undefined ? '' : `"traceState":${quote(span.traceState)},`;
  const status = span.error === undefined ? '' : `"status":{"code":${errorStatus},"message":${quote(span.error)}},`;
  const flags = span.parentId === undefined ? sampledFlags : sampledFlags | remoteFlag;
  const place = `{"traceId":"${span.traceId}",${state}`;
  let text = `${place}${parent}${partText(span, attributes)}${status}"flags":${flags}}`;
  if (span.parts.length === 0) return text;
  const within = `,${place}"parentSpanId":"${span.spanId}",`;
  for (const part of span.parts) text += `${within}${partText(part, '')}"flags":${sampledFlags}}`;
  return text;
}

function partText({ of, spanId, startMs, endMs }: SpanPart, attributes: string): string {
  const { head, attributes: common } = textsOf(of);
  const both = common === '' || attributes === '' ? common + attributes : `${common},${attributes}`;
  const text = `"spanId":"${spanId}"${head}${nanoseconds(startMs)}","endTimeUnixNano":"${nanoseconds(endMs)}",`;
  return both === '' ? text : `${text}"attributes":[${both}],`;
}

interface KindTexts {
  /** Up to when it began. */
  readonly head: string;
  readonly attributes: string;
}

const kindTexts = new WeakMap<SpanKind, KindTexts>();

function textsOf(of: SpanKind): KindTexts {
  const known = kindTexts.get(of);
  if (known) return known;
  const head = `,"name":${quote(of.name)},"kind":${kinds[of.kind]},"startTimeUnixNano":"`;
  const texts = { head, attributes: attributesText(of.attributes) };
  kindTexts.set(of, texts);
  return texts;
}

/** Between commas. */
export function attributesText(attributes: SpanAttributes): string {
  let text = '';
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) text += `${text === '' ? '' : ','}${keyText(key)}${valueText(value)}}}`;
  }
  return text;
}

/** Attributes are called the same in every span. */
const keyTexts = new Map<string, string>();
const keyTextsMax = 1_000;

function keyText(key: string): string {
  const known = keyTexts.get(key);
  if (known !== undefined) return known;
  const text = `{"key":${quote(key)},"value":{`;
  if (keyTexts.size < keyTextsMax) keyTexts.set(key, text);
  return text;
}

function valueText(value: string | number | boolean): string {
  if (typeof value === 'string') return `"stringValue":${quote(value)}`;
  if (typeof value === 'boolean') return `"boolValue":${value}`;
  if (!Number.isFinite(value)) return `"stringValue":"${value}"`;
  return Number.isSafeInteger(value) ? `"intValue":${value}` : `"doubleValue":${value}`;
}

/**
 * Milliseconds since 1970 as text: nanoseconds do not fit into a number, and clocks tell no more than microseconds. Spans lie
 * close together, and small numbers are written faster than large ones, so the seconds are kept.
 */
function nanoseconds(ms: number): string {
  const microseconds = Math.round(ms * 1_000);
  const seconds = Math.floor(microseconds / 1e6);
  if (seconds !== lastSeconds) {
    lastSeconds = seconds;
    lastSecondsText = String(seconds);
  }
  // The seventh digit keeps the zeros in front.
  return `${lastSecondsText}${String(microseconds - seconds * 1e6 + 1e6).slice(1)}000`;
}

let lastSeconds = 0;
let lastSecondsText = '0';

const quote = JSON.stringify as (text: string) => string;
