/** How often each caller has done something in the present second: connected, or asked. */

export class CallerRates {
  readonly #perSecondMax: number;
  readonly #counts = new Map<string, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** False where the caller has done it as often in the present second as he may. */
  take(callerName: string, nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= 1_000) {
      // All at once: nothing is kept of callers that have gone.
      this.#counts.clear();
      this.#sinceMs = nowMs;
    }
    const count = (this.#counts.get(callerName) ?? 0) + 1;
    if (count > this.#perSecondMax) return false;
    this.#counts.set(callerName, count);
    return true;
  }
}
