/** How many requests each caller sends in a second, those for paths that nobody serves included: no other bound counts them. */

export class RequestRates {
  readonly #perSecondMax: number;
  readonly #counts = new Map<string, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** False where the caller has had as many in the present second as he may. */
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
