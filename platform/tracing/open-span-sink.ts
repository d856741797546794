/** Spans on their way to an OpenTelemetry collector: OTLP over HTTP, in batches. */
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { platformVersion } from '#common';
import type { FinishedSpan, SpanSink } from '#telemetry';
import { SpanBuffer, spansOf } from './span-buffer.ts';

export interface SpanSinkOptions {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT has it: without /v1/traces. */
  readonly endpoint: string;
  /** Who records: service.name and the like. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Spans that wait for the collector, and their bytes; past either new ones are dropped (R6). */
const waitingMax = 4_096;
const waitingBytesMax = 4 * 2 ** 20;
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
  const buffer = () => new SpanBuffer({ resource, scope }, waitingBytesMax);
  return new SpanBatches([buffer(), buffer()], {
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
  #waiting: SpanBuffer;
  /** Under way, or empty. */
  #sent: SpanBuffer;
  #timer: NodeJS.Timeout | undefined;
  #sending = Promise.resolve();
  #busy = false;

  constructor([waiting, sent]: readonly [SpanBuffer, SpanBuffer], collector: Collector) {
    this.#waiting = waiting;
    this.#sent = sent;
    this.#collector = collector;
  }

  add(span: FinishedSpan): void {
    if (this.#waiting.spans + spansOf(span) > waitingMax) return;
    const fits = this.#waiting.add(span);
    if (!fits || this.#waiting.spans >= sendAt) this.#send();
    else this.#sendSoon();
  }

  async close(): Promise<void> {
    for (;;) {
      await this.#sending;
      if (this.#waiting.spans === 0) break;
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
    if (this.#busy || this.#waiting.spans === 0) return;
    [this.#waiting, this.#sent] = [this.#sent, this.#waiting];
    this.#busy = true;
    this.#sending = this.#collector.send(this.#sent).then(() => {
      this.#sent.clear();
      this.#busy = false;
      if (this.#waiting.spans > 0) this.#sendSoon();
    });
  }
}
