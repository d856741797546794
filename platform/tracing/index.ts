/** What speaks OpenTelemetry: a bundle of its own, which a process loads only where traces are wanted. */
export { openSpanSink, type SpanSinkOptions } from './open-span-sink.ts';
