/**
 * What is being waited for, and how long already: one line of a terminal, written over and gone in the end. Elsewhere (a
 * log, a batch job's output) it is a plain line now and then, so that a long wait does not look like a hang.
 */
import { formatDuration } from '#common';
import type { CliContext, CliStream } from '../context.ts';
import { printable } from './printable.ts';

/** What takes less is over before anybody could read the line. */
const shownAfterMs = 400;
const redrawMs = 100;
const plainLineMs = 10_000;
const eraseLine = '\r\u001b[2K';
const marks = ['|', '/', '-', '\\'] as const;

interface Wait {
  readonly text: string | (() => string);
  readonly startedAt: number;
  readonly blocks: boolean;
}

const lines = new WeakMap<CliStream, ProgressLine>();

/** The one line that all commands of a process share: two would write over each other. */
export function progressLineOf({ stderr, env }: CliContext): ProgressLine {
  const line = lines.get(stderr) ?? new ProgressLine(stderr, stderr.isTTY === true && env['TERM'] !== 'dumb');
  lines.set(stderr, line);
  return line;
}

class ProgressLine {
  readonly #stream: CliStream;
  readonly #isLive: boolean;
  readonly #waits: Wait[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isShown = false;
  #drawn = 0;

  constructor(stream: CliStream, isLive: boolean) {
    this.#stream = stream;
    this.#isLive = isLive;
  }

  /** `blocks`: what follows lets no timer run, so the line is drawn at once. */
  begin(text: Wait['text'], blocks = false): Disposable {
    const wait: Wait = { text, startedAt: performance.now(), blocks };
    this.#waits.push(wait);
    this.#timer ??= setInterval(() => this.#tick(), this.#isLive ? redrawMs : plainLineMs).unref();
    if (this.#isLive && blocks) this.#draw(wait);
    return { [Symbol.dispose]: () => this.#end(wait) };
  }

  /** Before anything else is written to the terminal; the next tick draws the line again. */
  hide(): void {
    if (!this.#isShown) return;
    this.#stream.write(eraseLine);
    this.#isShown = false;
  }

  #end(wait: Wait): void {
    this.#waits.splice(this.#waits.indexOf(wait), 1);
    this.hide();
    if (this.#waits.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const wait = this.#waits.at(-1);
    if (!wait || (this.#isLive && performance.now() - wait.startedAt < shownAfterMs && !wait.blocks)) return;
    if (this.#isLive) this.#draw(wait);
    else this.#stream.write(`${lineOf(wait)}\n`);
  }

  #draw(wait: Wait): void {
    const mark = marks[this.#drawn++ % marks.length];
    // A terminal that does not know its width says 0.
    const columns = (this.#stream as { columns?: number }).columns || 80;
    this.#stream.write(`${eraseLine}${`${mark} ${lineOf(wait)}`.slice(0, columns - 1)}`);
    this.#isShown = true;
  }
}

function lineOf({ text, startedAt }: Wait): string {
  const seconds = Math.floor((performance.now() - startedAt) / 1_000);
  const since = seconds < 1 ? '' : `, ${seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1_000)}`;
  return printable(`${typeof text === 'string' ? text : text()}${since}`);
}
