/** Spans on their way to an OpenTelemetry collector: OTLP over HTTP, in batches. */
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { platformVersion } from '#common';
import type { FinishedSpan, SpanSink } from '#telemetry';
import { encodeSpans } from './otlp-json.ts';

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

const scope = { name: 'pilotfish', version: platformVersion };

export function openSpanSink({ endpoint, resource }: SpanSinkOptions): SpanSink {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const json = { 'Content-Type': 'application/json' };
  const collector = createOtlpHttpExportDelegate<readonly FinishedSpan[], void>(
    convertLegacyHttpOptions({ url, timeoutMillis: sendTimeoutMs }, 'TRACES', 'v1/traces', json),
    {
      serializeRequest: (spans) => Buffer.from(encodeSpans(spans, resource, scope)),
      // What a collector took only in part is lost like what it took not at all: spans are a sample.
      deserializeResponse: () => undefined,
    },
    scope.name,
    { name: 'span', countItems: (spans) => spans.length },
    undefined,
  );
  return new SpanBatches({
    send: (batch) => new Promise((sent) => collector.export(batch, () => sent())),
    close: () => collector.shutdown(),
  });
}

interface Collector {
  /** Resolves when the batch has been taken, or given up. */
  send(batch: readonly FinishedSpan[]): Promise<void>;
  close(): Promise<void>;
}

/** One batch is under way at a time, so a slow collector has what waits here dropped, and nothing else. */
class SpanBatches implements SpanSink {
  readonly #collector: Collector;
  #waiting: FinishedSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending = Promise.resolve();
  #busy = false;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  add(span: FinishedSpan): void {
    if (this.#waiting.length >= waitingMax) return;
    this.#waiting.push(span);
    if (this.#waiting.length >= batchMax) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), sendEveryMs).unref();
  }

  async close(): Promise<void> {
    for (;;) {
      await this.#sending;
      if (this.#waiting.length === 0) break;
      this.#send();
    }
    clearTimeout(this.#timer);
    await this.#collector.close().catch(() => undefined);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#busy || this.#waiting.length === 0) return;
    const batch = this.#waiting.slice(0, batchMax);
    this.#waiting = this.#waiting.slice(batchMax);
    this.#busy = true;
    this.#sending = this.#collector.send(batch).then(() => {
      this.#busy = false;
      if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#send(), sendEveryMs).unref();
    });
  }
}
