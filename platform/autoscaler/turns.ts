/**
 * Whose turn it is where there is not one slot for each function that has work: who has waited goes before who has had a slot
 * for the time of a turn. Without it the same ones would wait for as long as the others are busy.
 */

/** Longer than a start takes, far shorter than anybody likes to wait. */
const turnMs = 10_000;

interface Turn {
  readonly served: boolean;
  /** Monotonic time since when. */
  readonly since: number;
}

export class Turns {
  #turns: ReadonlyMap<string, Turn> = new Map();

  /** What a round came to: functions that have work, and whether each has an instance for it. */
  saw(round: ReadonlyMap<string, boolean>, now: number): void {
    const before = this.#turns;
    this.#turns = new Map(
      [...round].map(([id, served]) => {
        const known = before.get(id);
        return [id, known?.served === served ? known : { served, since: now }];
      }),
    );
  }

  /** Lower goes first: who is in a turn, then who waits, the longest first, then who has had one, the last to begin it first. */
  rankOf(id: string, now: number): number {
    const { served, since } = this.#turns.get(id) ?? { served: false, since: now };
    const ms = now - since;
    if (!served) return -ms;
    return ms < turnMs ? Number.MIN_SAFE_INTEGER : ms;
  }
}
