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
/** Where fields begin, behind that of the version. */
const [traceAt, spanAt, flagsAt] = [3, 36, 53];
const dash = '-';

/** By character code; -1 where no lower-case hexadecimal digit stands. */
const digits = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 16; digit++) digits[digit.toString(16).charCodeAt(0)] = digit;

/** Undefined for what is no `traceparent`: such an event begins a trace of its own. Read by hand: it is asked of every event that has one. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length < length) return undefined;
  if (text[traceAt - 1] !== dash || text[spanAt - 1] !== dash || text[flagsAt - 1] !== dash) return undefined;
  if (bitsOf(text, 0, traceAt - 1) < 0 || text.startsWith('ff') || bitsOf(text, flagsAt, length) < 0) return undefined;
  if (bitsOf(text, traceAt, spanAt - 1) <= 0 || bitsOf(text, spanAt, flagsAt - 1) <= 0) return undefined;
  if (text.length > length && (text.startsWith('00') || text[length] !== dash)) return undefined;
  const sampled = (bitsOf(text, length - 1, length) & 1) === 1;
  return { traceId: text.slice(traceAt, spanAt - 1), spanId: text.slice(spanAt, flagsAt - 1), sampled };
}

/** All digits of a range in one, 0 where all are; negative where one is none. Without a branch a digit, which would be guessed wrong half the time. */
function bitsOf(text: string, from: number, to: number): number {
  let bits = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    bits |= code < 128 ? (digits[code] as number) : -1;
  }
  return bits;
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
