/** The W3C trace context: which trace something belongs to, and what caused it. */

export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Whoever began the trace wants it to be recorded. */
  readonly sampled: boolean;
}

/** Names of the headers that carry it. */
export const traceNames = ['traceparent', 'tracestate'] as const;

/** Later versions may have more fields behind; version ff is none. */
const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for what is no `traceparent`: such an event begins a trace of its own. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = form.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** The trace context among headers, as it goes on to what comes of an event. */
export function traceOf(headers: Readonly<Record<string, string>> | undefined): [string, string][] {
  const found: [string, string][] = [];
  for (const name of traceNames) {
    const value = headers?.[name];
    if (value !== undefined) found.push([name, value]);
  }
  return found;
}
