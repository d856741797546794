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

/** Of the fields of version 00; later versions may have more behind. */
const length = 55;
const [traceAt, spanAt, flagsAt] = [3, 36, 53];
const dash = 45;

/** Undefined for what is no `traceparent`: such an event begins a trace of its own. Read by hand: it is asked of every event that has one. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length < length) return undefined;
  if (!isHex(text, 0, 2) || text.charCodeAt(2) !== dash || text.startsWith('ff')) return undefined;
  if (!isId(text, traceAt, spanAt - 1) || !isId(text, spanAt, flagsAt - 1) || !isHex(text, flagsAt, length))
    return undefined;
  if (text.length > length && (text.startsWith('00') || text.charCodeAt(length) !== dash)) return undefined;
  const sampled = (digitAt(text, length - 1) & 1) === 1;
  return { traceId: text.slice(traceAt, spanAt - 1), spanId: text.slice(spanAt, flagsAt - 1), sampled };
}

/** Hexadecimal, not all zeros, and a dash behind it. */
function isId(text: string, from: number, to: number): boolean {
  let any = 0;
  for (let at = from; at < to; at++) {
    const digit = digitAt(text, at);
    if (digit < 0) return false;
    any |= digit;
  }
  return any > 0 && text.charCodeAt(to) === dash;
}

function isHex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (digitAt(text, at) < 0) return false;
  return true;
}

/** -1 where no lower-case hexadecimal digit stands. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
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
