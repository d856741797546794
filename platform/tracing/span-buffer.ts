/** The body of one export request, in memory that the next one uses again. */
import type { FinishedSpan } from '#telemetry';
import { type Recorder, requestHead, requestTail, spanText } from './otlp-json.ts';

/** Of UTF-16's units none becomes more bytes of UTF-8. */
const bytesAUnitMax = 3;

export class SpanBuffer {
  readonly #bytes: Buffer;
  readonly #headBytes: number;
  #end: number;
  #spans = 0;

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
    const text = this.#spans === 0 ? spanText(span) : `,${spanText(span)}`;
    if (this.#end + (text.length + requestTail.length) * bytesAUnitMax > this.#bytes.length) return false;
    this.#end += this.#bytes.write(text, this.#end);
    this.#spans += 1 + span.parts.length;
    return true;
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
