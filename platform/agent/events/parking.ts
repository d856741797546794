/**
 * How many failed events of a trigger this agent lets wait for their next try where they are. Each such event fills a
 * place of its consumer's limit of unacked ones: past the bound they are parked in the RETRIES stream, so that a few
 * thousand poisoned events cannot hold up the good ones behind them (design, "Parking").
 */

/** A thousand nodes together fill less than the consumer's limit (topology.ts). */
const waitingMax = 16;

export class Parking {
  /** Monotonic times at which the waits of given-back events end. */
  readonly #waits: number[] = [];

  /** True where the event may wait in its own stream; it is then counted until its wait is over. */
  mayWait(nowMs: number, delayMs: number): boolean {
    for (let at = this.#waits.length - 1; at >= 0; at--) {
      if ((this.#waits[at] ?? 0) <= nowMs) this.#waits.splice(at, 1);
    }
    if (this.#waits.length >= waitingMax) return false;
    this.#waits.push(nowMs + delayMs);
    return true;
  }
}
