/** Structured logs of the platform's own processes, and the form of the spans that they record. */
export { createLogger, type Logger } from './logger.ts';
export type { FinishedSpan, RecordedSpan, SpanAttributes, SpanKind, SpanPart, SpanSink } from './span.ts';
