/** Events of a replay that were pulled ahead of their time: held, under their lease, until they are due. */
import type { Delivery } from '../events/delivery.ts';

/** Longer waits are looked at again; a timer cannot take more than 24 days. */
const waitMsMax = 3_600_000;

export class PacedEvents {
  readonly #timers = new Map<Delivery, NodeJS.Timeout>();

  get size(): number {
    return this.#timers.size;
  }

  /** Calls `due` once the event's wait is over; not at all when it is let go of before. */
  hold(delivery: Delivery, waitMs: () => number, due: () => void): void {
    const look = () => {
      const left = waitMs();
      if (left > 0) return void this.#timers.set(delivery, setTimeout(look, Math.min(left, waitMsMax)));
      this.#timers.delete(delivery);
      due();
    };
    look();
  }

  /** The delivery has ended in another way. */
  forget(delivery: Delivery): void {
    clearTimeout(this.#timers.get(delivery));
    this.#timers.delete(delivery);
  }

  /** Gives all of them back: they are for whoever goes on later. */
  release(delayMs: number): void {
    for (const delivery of [...this.#timers.keys()]) {
      this.forget(delivery);
      delivery.nak(delayMs);
    }
  }
}
