/** The body of one export request, in memory that the next one uses again. */
import type { FinishedSpan, SpanKind } from '#telemetry';
import { attributesText, type Recorder, requestHead, requestTail, spanText } from './otlp-json.ts';
import { hasForm, SpanForm } from './span-form.ts';

/** Of UTF-16's units none becomes more bytes of UTF-8. */
const bytesAUnitMax = 3;
const comma = 44;

export class SpanBuffer {
  readonly #bytes: Buffer;
  readonly #headBytes: number;
  #end: number;
  #spans = 0;
  readonly #forms = new WeakMap<SpanKind, SpanForm[]>();

  constructor(recorder: Recorder, capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#headBytes = this.#bytes.write(requestHead(recorder));
    this.#end = this.#headBytes;
  }

  get spans(): number {
    return this.#spans;
  }

  /** False when there is no room for it. */
  add(span: FinishedSpan): boolean {
    const attributes = attributesText(span.attributes);
    const form = attributes !== '' && hasForm(span) ? this.#formOf(span) : undefined;
    const text = form === undefined ? spanText(span, attributes) : attributes;
    const bytesMax = (form?.bytes ?? 0) + (text.length + requestTail.length) * bytesAUnitMax;
    if (this.#end + 1 + bytesMax > this.#bytes.length) return false;
    if (this.#spans > 0) this.#bytes[this.#end++] = comma;
    if (form) this.#end = form.write(this.#bytes, this.#end, span, attributes);
    else this.#end += this.#bytes.write(text, this.#end);
    this.#spans += 1 + span.parts.length;
    return true;
  }

  #formOf(span: FinishedSpan): SpanForm {
    const forms = this.#forms.get(span.of) ?? [];
    for (const form of forms) if (form.isOf(span)) return form;
    const form = new SpanForm(span);
    this.#forms.set(span.of, [...forms, form]);
    return form;
  }

  /** The whole request, valid until `clear`. */
  request(): Buffer {
    const end = this.#end + this.#bytes.write(requestTail, this.#end);
    return this.#bytes.subarray(0, end);
  }

  clear(): void {
    this.#end = this.#headBytes;
    this.#spans = 0;
  }
}
