/**
 * When the page is drawn: as messages come, but never for more than a small part of the time, and not while nobody sees it. A
 * large pilot on a slow machine is drawn less often, and each drawing shows the newest.
 */

/** A drawing is followed by a rest of so many times its length: it takes at most a fortieth of a core, and messages as much again. */
const restFactor = 40;
const restMsMax = 10_000;

export class Drawing {
  readonly #draw: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notBefore = 0;

  constructor(draw: () => void) {
    this.#draw = draw;
    document.addEventListener('visibilitychange', () => this.#run());
  }

  /** There is something new to show. */
  want(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#notBefore - performance.now()));
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (document.hidden) return;
    const began = performance.now();
    this.#notBefore = began + restMsMax;
    this.#draw();
    // The frame's callbacks come before layout and painting, a task of its own after them.
    requestAnimationFrame(() => setTimeout(() => this.#rest(performance.now() - began)));
  }

  #rest(tookMs: number): void {
    this.#notBefore = performance.now() + Math.min(restMsMax, tookMs * restFactor);
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.want();
  }
}
