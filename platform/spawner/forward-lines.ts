/**
 * What an instance writes to stdout and stderr itself, line by line, at a bounded rate: an agent keeps fewer lines still, and
 * what it does not take would wait here without end.
 */
import type { SpawnerReport } from '#model';

type OutputReport = Extract<SpawnerReport, { kind: 'output' }>;

/** A line of raw output longer than this is cut; whole dumps belong into files. */
const outputLineCharsMax = 8_192;
/** Lines a second and instance; a burst may take two seconds' worth. */
const linesPerSecondMax = 1_000;
/** How many were dropped is told this long after the first of them. */
const tellDroppedMs = 1_000;
/** Of those that were dropped the last ones are told at the end: an interpreter says there why it ends. */
const lastLinesMax = 3;

export class LineForwarder {
  readonly #instance: string;
  readonly #report: (report: OutputReport) => void;
  readonly #now: () => number;
  #tokens = 2 * linesPerSecondMax;
  #filledAt: number;
  #dropped = 0;
  #tellTimer: NodeJS.Timeout | undefined;

  constructor(instance: string, report: (report: OutputReport) => void, now = () => performance.now()) {
    this.#instance = instance;
    this.#report = report;
    this.#now = now;
    this.#filledAt = now();
  }

  forward(stream: NodeJS.ReadableStream | null, level: 'info' | 'error'): void {
    let tail = '';
    let last: string[] = [];
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const lines = (tail + text).split('\n');
      tail = (lines.pop() ?? '').slice(0, outputLineCharsMax);
      for (const line of lines) if (line !== '') last = this.#tell(level, line, last);
    });
    stream?.on('end', () => {
      if (tail !== '') last = this.#tell(level, tail, last);
      this.#dropped -= last.length;
      for (const text of last) this.#report({ kind: 'output', instance: this.#instance, level, text });
      this.#tellDropped();
    });
  }

  /** The dropped lines of its stream that come last. */
  #tell(level: 'info' | 'error', line: string, last: string[]): string[] {
    const text = line.slice(0, outputLineCharsMax);
    const now = this.#now();
    const refilled = this.#tokens + ((now - this.#filledAt) / 1_000) * linesPerSecondMax;
    this.#tokens = Math.min(2 * linesPerSecondMax, refilled);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      this.#dropped++;
      this.#tellTimer ??= setTimeout(() => this.#tellDropped(), tellDroppedMs);
      last.push(text);
      if (last.length > lastLinesMax) last.shift();
      return last;
    }
    this.#tokens--;
    this.#report({ kind: 'output', instance: this.#instance, level, text });
    return last.length === 0 ? last : [];
  }

  #tellDropped(): void {
    clearTimeout(this.#tellTimer);
    this.#tellTimer = undefined;
    if (this.#dropped === 0) return;
    this.#report({ kind: 'output', instance: this.#instance, level: 'info', text: '', dropped: this.#dropped });
    this.#dropped = 0;
  }
}
