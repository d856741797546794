/** When leases are extended, what proves them, and when an agent knows that it was cut off. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaseMs } from '#broker';
import type { Clock } from '#common';
import { LeaseKeeper } from '../../platform/agent/events/lease-keeper.ts';

const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };

/** A connection whose answers the test gives. */
class Line {
  readonly questions: PromiseWithResolvers<void>[] = [];

  flush(): Promise<void> {
    const question = Promise.withResolvers<void>();
    this.questions.push(question);
    return question.promise;
  }

  async answer(): Promise<void> {
    for (const question of this.questions.splice(0)) question.resolve();
    await vi.advanceTimersByTimeAsync(0);
  }
}

class Held {
  leaseUntil: number;
  extensions = 0;

  constructor(leaseUntil: number) {
    this.leaseUntil = leaseUntil;
  }

  extend(): void {
    this.extensions++;
  }
}

let line: Line;
let held: Held[];
let cutOffs: number;
let keeper: LeaseKeeper;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
  line = new Line();
  held = [];
  cutOffs = 0;
  keeper = new LeaseKeeper({ connection: line, clock, held: () => held, onCutOff: () => cutOffs++ });
});

afterEach(() => {
  keeper.close();
  vi.useRealTimers();
});

const third = leaseMs / 3;

describe('LeaseKeeper', () => {
  it('extends at a third of the lease what has less than five sixths of it left', async () => {
    const old = new Held(performance.now() + leaseMs);
    held.push(old);
    vi.advanceTimersByTime(third);
    const fresh = new Held(performance.now() + leaseMs);
    held.push(fresh);
    expect([old.extensions, fresh.extensions]).toEqual([1, 0]);
    await line.answer();
    vi.advanceTimersByTime(third);
    expect([old.extensions, fresh.extensions]).toEqual([2, 1]);
  });

  it('counts an extension only from when it was asked for, and only once it was answered', async () => {
    const event = new Held(performance.now() + leaseMs);
    held.push(event);
    const before = event.leaseUntil;
    vi.advanceTimersByTime(third);
    const askedAt = performance.now();
    vi.advanceTimersByTime(500);
    expect(event.leaseUntil).toBe(before);
    await line.answer();
    expect(event.leaseUntil).toBe(askedAt + leaseMs);
    expect(keeper.provenAt).toBe(askedAt);
  });

  it('tells once of being cut off, within a quarter of a second of the end of the lease', async () => {
    vi.advanceTimersByTime(leaseMs);
    expect(cutOffs).toBe(0);
    vi.advanceTimersByTime(250);
    expect(cutOffs).toBe(1);
    vi.advanceTimersByTime(10 * leaseMs);
    expect(cutOffs).toBe(1);
    await line.answer();
    vi.advanceTimersByTime(third);
    await line.answer();
    vi.advanceTimersByTime(leaseMs + third);
    expect(cutOffs).toBe(2);
  });

  it('is not cut off while its questions are answered', async () => {
    for (let round = 0; round < 10; round++) {
      vi.advanceTimersByTime(third);
      await line.answer();
    }
    expect(cutOffs).toBe(0);
  });

  it('an unanswered question proves nothing: an event that arrives then may be as old as the last answer', async () => {
    vi.advanceTimersByTime(third);
    await line.answer();
    const provenAt = keeper.provenAt;
    vi.advanceTimersByTime(2 * third);
    expect(keeper.provenAt).toBe(provenAt);
    expect(provenAt + leaseMs - performance.now()).toBeLessThanOrEqual(leaseMs - 2 * third);
  });
});
