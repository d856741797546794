/** Time that goes on when a test says so: deadlines and `ctx.signal` follow it. */

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

export class TestClock {
  #now: number;
  #alarms: Alarm[] = [];

  /** Milliseconds since 1970; default 2026-01-01. */
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Lets so much time pass; what was due in it happens in order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#alarms.filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    this.#alarms = this.#alarms.filter(({ at }) => at > this.#now);
    for (const { ring } of due) ring();
  }

  /** Rings once that time has come. */
  alarm(at: number, ring: () => void): void {
    if (at <= this.#now) ring();
    else this.#alarms.push({ at, ring });
  }
}
