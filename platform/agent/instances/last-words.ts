/** What a process wrote to stderr before it ended, as far as it says why: an interpreter's error is in its last lines. */

const wordsMax = 3;
const charsMax = 600;

export class LastWords {
  #lines: readonly string[] = [];
  /** Node says why it aborts in one line, and prints addresses of its own code after it. */
  #hasSaid = false;

  add(line: string): void {
    if (this.#hasSaid) return;
    const isWhy = line.startsWith('FATAL ERROR: ');
    this.#hasSaid = isWhy || /^-+ Native stack trace -+$/.test(line);
    if (isWhy) this.#lines = [line];
    else if (!this.#hasSaid) this.#lines = [...this.#lines, line].slice(-wordsMax);
  }

  /** The reason for an end, with what can be said about it beside how it ended. */
  explain(how: string): string {
    const words = this.#lines.join(' | ').slice(0, charsMax);
    const advice = /heap out of memory$/.test(words)
      ? '. Its heap may have three quarters of resources.memory: raise that in the manifest, or keep less'
      : '';
    return words === '' ? how : `${how}; it last wrote: ${words}${advice}`;
  }
}
