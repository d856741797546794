/**
 * How many nodes are dialled at once. A gateway that comes anew dials all of them: a thousand TLS handshakes that share its
 * core are each so slow that the first is not done before the last, and on a busy machine run into their deadlines.
 */

/** Of nodes a millisecond away, and with half a core for each: thousands in a second. */
const atOnceMax = 64;
/** Whoever does not answer at all takes no other node's place for longer. */
const holdMsMax = 2_000;

export class Dials {
  #open = 0;
  readonly #waiting: (() => void)[] = [];

  /** Resolves once a node may be dialled; the function that it gives says that this is done, whatever became of it. */
  async begin(): Promise<() => void> {
    if (this.#open < atOnceMax) this.#open++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isOpen = true;
    const end = () => {
      if (!isOpen) return;
      isOpen = false;
      clearTimeout(timer);
      this.#end();
    };
    const timer = setTimeout(end, holdMsMax);
    return end;
  }

  /** The place goes to the one that has waited longest. */
  #end(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#open--;
  }
}
