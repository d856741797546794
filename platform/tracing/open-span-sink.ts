/** Spans on their way to an OpenTelemetry collector: OTLP over HTTP, in batches. */
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { platformVersion } from '#common';
import type { RecordedSpan, SpanSink } from '#telemetry';
import { SpanBuffer } from './span-buffer.ts';

export interface SpanSinkOptions {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT has it: without /v1/traces. */
  readonly endpoint: string;
  /** Who records: service.name and the like. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Spans that wait for the collector, and bytes of a request; what is past either is dropped (R6). */
const waitingMax = 4_096;
const requestBytesMax = 4 * 2 ** 20;
/** So many are sent without waiting for more. */
const sendAt = 2_048;
const sendEveryMs = 1_000;
/** A collector that is silent for so long has missed the batch. */
const sendTimeoutMs = 5_000;

const scope = { name: 'pilotfish', version: platformVersion };

export function openSpanSink({ endpoint, resource }: SpanSinkOptions): SpanSink {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const json = { 'Content-Type': 'application/json' };
  const collector = createOtlpHttpExportDelegate<SpanBuffer, void>(
    convertLegacyHttpOptions({ url, timeoutMillis: sendTimeoutMs }, 'TRACES', 'v1/traces', json),
    {
      serializeRequest: (spans) => spans.request(),
      // What a collector took only in part is lost like what it took not at all: spans are a sample.
      deserializeResponse: () => undefined,
    },
    scope.name,
    { name: 'span', countItems: ({ spans }) => spans },
    undefined,
  );
  return new SpanBatches(new SpanBuffer({ resource, scope }, requestBytesMax), {
    send: (batch) => new Promise((sent) => collector.export(batch, () => sent())),
    close: () => collector.shutdown(),
  });
}

interface Collector {
  /** Resolves when the batch has been taken, or given up. */
  send(batch: SpanBuffer): Promise<void>;
  close(): Promise<void>;
}

/** One batch is under way at a time, so a slow collector has what waits here dropped, and nothing else. */
class SpanBatches implements SpanSink {
  readonly #collector: Collector;
  /** Under way, or empty. */
  readonly #batch: SpanBuffer;
  #waiting: RecordedSpan[] = [];
  #waitingSpans = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending = Promise.resolve();
  #busy = false;

  constructor(batch: SpanBuffer, collector: Collector) {
    this.#batch = batch;
    this.#collector = collector;
  }

  add(span: RecordedSpan): void {
    if (this.#waitingSpans + span.spans > waitingMax) return;
    this.#waiting.push(span);
    this.#waitingSpans += span.spans;
    if (this.#waitingSpans >= sendAt) this.#send();
    else this.#sendSoon();
  }

  async close(): Promise<void> {
    for (;;) {
      await this.#sending;
      if (this.#waitingSpans === 0) break;
      this.#send();
    }
    clearTimeout(this.#timer);
    await this.#collector.close().catch(() => undefined);
  }

  #sendSoon(): void {
    this.#timer ??= setTimeout(() => this.#send(), sendEveryMs).unref();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#busy || this.#waitingSpans === 0) return;
    for (const span of this.#waiting) this.#batch.add(span.finished());
    this.#waiting = [];
    this.#waitingSpans = 0;
    this.#busy = true;
    this.#sending = this.#collector.send(this.#batch).then(() => {
      this.#batch.clear();
      this.#busy = false;
      if (this.#waitingSpans > 0) this.#sendSoon();
    });
  }
}
