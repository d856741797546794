/** Spans on their way to an OpenTelemetry collector: OTLP over HTTP, in batches. */
import {
  createTraceState,
  type HrTime,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { platformVersion } from '#common';
import type { FinishedSpan, SpanSink } from '#telemetry';

export interface SpanSinkOptions {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT has it: without /v1/traces. */
  readonly endpoint: string;
  /** Who records: service.name and the like. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Spans that wait for the collector; past it new ones are dropped (R6). */
const waitingMax = 4_096;
const batchMax = 2_048;
const sendEveryMs = 1_000;
/** A collector that is silent for so long has missed the batch. */
const sendTimeoutMs = 5_000;

const kinds = {
  consumer: SpanKind.CONSUMER,
  server: SpanKind.SERVER,
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
} as const;

const scope = { name: 'pilotfish', version: platformVersion };

export function openSpanSink({ endpoint, resource: attributes }: SpanSinkOptions): SpanSink {
  const resource = resourceFromAttributes(attributes);
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ url, timeoutMillis: sendTimeoutMs }),
    maxQueueSize: waitingMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: sendEveryMs,
    exportTimeoutMillis: sendTimeoutMs,
  });
  return {
    add: (span) => processor.onEnd(readable(span, resource)),
    close: () => processor.shutdown().catch(() => undefined),
  };
}

function readable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const { traceId, spanId, parentId } = span;
  const traceState = span.traceState === undefined ? {} : { traceState: createTraceState(span.traceState) };
  const contextOf = (id: string) => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED, ...traceState });
  const status: SpanStatus =
    span.error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: span.error };
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => contextOf(spanId),
    ...(parentId === undefined ? {} : { parentSpanContext: { ...contextOf(parentId), isRemote: true } }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status,
    attributes: { ...span.attributes },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
