/** A finished span as plain data: whoever makes one needs no library, and pays for none while nothing is traced. */

export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'consumer' | 'server' | 'internal' | 'producer';
  readonly traceId: string;
  readonly spanId: string;
  /** Left off where the trace begins. */
  readonly parentId?: string;
  readonly traceState?: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What went wrong. */
  readonly error?: string;
  /** Spans within it that have nothing of their own but a name and a time: its children in the same trace. */
  readonly parts?: readonly SpanPart[];
}

export interface SpanPart {
  readonly name: string;
  readonly kind: FinishedSpan['kind'];
  readonly spanId: string;
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
