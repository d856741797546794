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
const waitingMax = 8_192;
const requestBytesMax = 4 * 2 ** 20;
/** So many are sent without waiting for more. */
const sendAt = 4_096;
/**
 * So many are put into words together: one by one each would find no cache warm, and all of a second's would have grown old by then,
 * for V8 to copy, and to collect the whole heap for.
 */
const writtenTogether = 32;
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
  return new SpanBatches(() => new SpanBuffer({ resource, scope }, requestBytesMax), {
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
  /** Takes spans while the other one is under way. */
  #filling: SpanBuffer;
  #sent: SpanBuffer;
  /** Not yet put into words. */
  #recorded: RecordedSpan[] = [];
  #recordedSpans = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending = Promise.resolve();
  #busy = false;

  constructor(newBuffer: () => SpanBuffer, collector: Collector) {
    this.#filling = newBuffer();
    this.#sent = newBuffer();
    this.#collector = collector;
  }

  get #waiting(): number {
    return this.#filling.spans + this.#recordedSpans;
  }

  add(span: RecordedSpan): void {
    if (this.#waiting + span.spans > waitingMax) return;
    this.#recorded.push(span);
    this.#recordedSpans += span.spans;
    if (this.#recorded.length === writtenTogether) this.#write();
    if (this.#waiting >= sendAt) this.#send();
    else this.#sendSoon();
  }

  async close(): Promise<void> {
    for (;;) {
      await this.#sending;
      if (this.#waiting === 0) break;
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
    if (this.#busy) return;
    this.#write();
    if (this.#filling.spans === 0) return;
    [this.#filling, this.#sent] = [this.#sent, this.#filling];
    this.#busy = true;
    this.#sending = this.#collector.send(this.#sent).then(() => {
      this.#sent.clear();
      this.#busy = false;
      if (this.#waiting > 0) this.#sendSoon();
    });
  }

  #write(): void {
    for (const span of this.#recorded) this.#filling.add(span.finished());
    this.#recorded = [];
    this.#recordedSpans = 0;
  }
}
