/**
 * The text of spans that differ in ids, times and a few attributes only: bytes that are the same in all of them, with gaps of known
 * widths. They are copied and filled in, where putting a text together makes V8 a hundred strings of each event.
 */
import type { FinishedSpan, SpanKind } from '#telemetry';
import { spanText } from './otlp-json.ts';

/** Neither stands in a text that is quoted, so they are where they were put. */
const idGap = '\n';
const attributesGap = '\t';
const gap = /\n+|(?<=TimeUnixNano":")\d+/g;
/** Milliseconds since 1970 whose nanoseconds have 19 digits: those of 2001 to 2286. */
const [earliestMs, latestMs] = [1e12, 1e13 - 1];
const ids = { traceId: idGap.repeat(32), spanId: idGap.repeat(16) };
const times = { startMs: earliestMs, endMs: earliestMs };

export class SpanForm {
  readonly #of: SpanKind;
  readonly #parts: readonly SpanKind[];
  readonly #hasParent: boolean;
  /** Up to the span's own attributes, and from there on. */
  readonly #before: GappedText;
  readonly #behind: GappedText;

  constructor({ of, parentId, parts }: FinishedSpan) {
    this.#of = of;
    this.#parts = parts.map((part) => part.of);
    this.#hasParent = parentId !== undefined;
    const parent = this.#hasParent ? { parentId: ids.spanId } : {};
    const empty = { ...ids, ...parent, ...times, of, attributes: {} };
    const emptyParts = this.#parts.map((each) => ({ ...ids, ...times, of: each }));
    const [before = '', behind = ''] = spanText({ ...empty, parts: emptyParts }, attributesGap).split(attributesGap);
    this.#before = new GappedText(before);
    this.#behind = new GappedText(behind);
  }

  /** Without the span's own attributes. */
  get bytes(): number {
    return this.#before.bytes + this.#behind.bytes;
  }

  isOf({ of, parentId, parts }: FinishedSpan): boolean {
    if (of !== this.#of || (parentId !== undefined) !== this.#hasParent) return false;
    if (parts.length !== this.#parts.length) return false;
    for (let at = 0; at < parts.length; at++) if (parts[at]?.of !== this.#parts[at]) return false;
    return true;
  }

  /** Where it ends. `attributes` are the span's own, as JSON. */
  write(into: Buffer, from: number, span: FinishedSpan, attributes: string): number {
    const before = this.#before;
    before.begin(into, from);
    before.putId(span.traceId);
    if (span.parentId !== undefined) before.putId(span.parentId);
    before.putId(span.spanId);
    before.putTime(span.startMs);
    before.putTime(span.endMs);
    const at = from + before.bytes;
    const end = at + into.write(attributes, at);
    const behind = this.#behind;
    behind.begin(into, end);
    for (const part of span.parts) {
      behind.putId(span.traceId);
      behind.putId(span.spanId);
      behind.putId(part.spanId);
      behind.putTime(part.startMs);
      behind.putTime(part.endMs);
    }
    return end + behind.bytes;
  }
}

/** False for what is written out in full: it has more that is its own, or was at a time that has more or fewer digits. */
export function hasForm({ traceState, error, startMs, endMs, parts }: FinishedSpan): boolean {
  if (traceState !== undefined || error !== undefined || !isUsual(startMs, endMs)) return false;
  for (const part of parts) if (!isUsual(part.startMs, part.endMs)) return false;
  return true;
}

function isUsual(startMs: number, endMs: number): boolean {
  return startMs >= earliestMs && startMs <= latestMs && endMs >= earliestMs && endMs <= latestMs;
}

/** Copied to a place, and its gaps filled in there, one after the other. */
class GappedText {
  readonly #text: Buffer;
  readonly #gaps: readonly number[];
  #into: Buffer;
  #from = 0;
  #next = 0;

  constructor(text: string) {
    this.#text = Buffer.from(text);
    this.#into = this.#text;
    this.#gaps = Array.from(text.matchAll(gap), ({ index }) => Buffer.byteLength(text.slice(0, index)));
  }

  get bytes(): number {
    return this.#text.length;
  }

  begin(into: Buffer, from: number): void {
    into.set(this.#text, from);
    this.#into = into;
    this.#from = from;
    this.#next = 0;
  }

  putId(id: string): void {
    const into = this.#into;
    const at = this.#place();
    for (let digit = 0; digit < id.length; digit++) into[at + digit] = id.charCodeAt(digit);
  }

  /** The last three digits of the nanoseconds are zeros, as in the text. */
  putTime(ms: number): void {
    const at = this.#place();
    const microseconds = Math.round(ms * 1_000);
    const seconds = Math.floor(microseconds / 1e6);
    const upper = Math.floor(seconds / 1e5);
    putDigits(this.#into, at, 5, upper);
    putDigits(this.#into, at + 5, 5, seconds - upper * 1e5);
    putDigits(this.#into, at + 10, 6, microseconds - seconds * 1e6);
  }

  #place(): number {
    return this.#from + (this.#gaps[this.#next++] as number);
  }
}

/** A small number, with zeros in front. */
function putDigits(into: Buffer, at: number, width: number, value: number): void {
  let rest = value | 0;
  for (let place = at + width - 1; place >= at; place--) {
    const tenth = (rest / 10) | 0;
    into[place] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}
