/**
 * Text on its way out of an instance: redacted, cut to a length, and bounded. A function that writes lines faster than its agent
 * takes them loses lines, not its memory; how many is told with its next turn of the event loop, and added to what the agent drops.
 */
import { inspect } from 'node:util';
import { type FrameWriter, frameTypes, type LogHeader } from '#frames';
import type { Redact } from './redact.ts';

/** A log line or an error's text is cut to this before it leaves the process. */
const textCharsMax = 8_192;
/** What an agent takes in one burst: a thousand of the longest lines. */
const waitingBytesMax = 1_000 * textCharsMax;

export class HostLog {
  redact: Redact = (text) => text;
  readonly #writer: FrameWriter;
  /** Of lines that the agent has not taken yet, at most so many. */
  #waitingBytes = 0;
  #dropped = 0;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  write(header: LogHeader, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#waitingBytes = Math.min(this.#waitingBytes, this.#writer.bufferedBytes);
    if (this.#waitingBytes > waitingBytesMax) return this.#drop();
    this.tell(header, fields === undefined ? message : `${message} ${safeJson(fields)}`);
  }

  /** A line that is never dropped, for the platform's own word. */
  tell({ level, call, trace }: LogHeader, message: string): void {
    const text = Buffer.from(this.text(message));
    this.#waitingBytes += text.length;
    const header: LogHeader = trace === undefined ? { level, call } : { level, call, trace };
    this.#writer.write(frameTypes.log, 0, 0, JSON.stringify(header), text);
  }

  /** What may leave the process as text. */
  text(text: string): string {
    return this.redact(text).slice(0, textCharsMax);
  }

  /** Tells at once what would be told in a moment: the process ends. */
  close(): void {
    if (this.#dropped === 0) return;
    const header: LogHeader = { level: 'warn', call: '', dropped: this.#dropped };
    this.#dropped = 0;
    this.#writer.write(frameTypes.log, 0, 0, JSON.stringify(header));
  }

  #drop(): void {
    if (this.#dropped++ === 0) setImmediate(() => this.close());
  }
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return inspect(value);
  }
}
