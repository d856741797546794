/**
 * What a gateway does with all its nodes, it does with a few at a time: a thousand TLS handshakes that share its core are each
 * so slow that the first is not done before the last, and a thousand wanted sets written in one go keep it from reading for
 * so long that connections are taken for dead.
 */

/** Of nodes a millisecond away, and with half a core for each: thousands in a second. */
const atOnceMax = 64;
/** Whoever does not answer at all takes no other node's place for longer. */
const holdMsMax = 2_000;

export class FewAtOnce {
  #open = 0;
  readonly #waiting: (() => void)[] = [];

  /** Resolves once there is a place; the function that it gives gives the place back, whatever became of it. */
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
