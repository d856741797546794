/** A finished span as plain data: whoever makes one needs no library, and pays for none while nothing is traced. */

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What many spans have in common: the same object in each of them, for it is put into words once. */
export interface SpanKind {
  readonly name: string;
  readonly kind: 'consumer' | 'server' | 'internal' | 'producer';
  readonly attributes: SpanAttributes;
}

export interface FinishedSpan extends SpanPart {
  readonly traceId: string;
  /** Left off where the trace begins. */
  readonly parentId?: string | undefined;
  readonly traceState?: string | undefined;
  /** Beside those of its kind. */
  readonly attributes: SpanAttributes;
  /** What went wrong. */
  readonly error?: string | undefined;
  /** Spans within it that have nothing of their own but a time: its children in the same trace. */
  readonly parts: readonly SpanPart[];
}

export interface SpanPart {
  readonly of: SpanKind;
  readonly spanId: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
}

/** One that is over, and not yet put into words. */
export interface RecordedSpan {
  /** It and its parts, at most. */
  readonly spans: number;
  finished(): FinishedSpan;
}

/** Takes spans and sends them off, a bounded number at a time; those that are too many are dropped. */
export interface SpanSink {
  add(span: RecordedSpan): void;
  /** Sends what is left; never rejects. */
  close(): Promise<void>;
}
