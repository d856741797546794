/** When a cron trigger fires, and what becomes of fires that nobody could make in time. Pure: time is an argument. */
import { Cron as Schedule } from 'croner';
import type { Cron } from '#proto';

/** Fires that are made up for at once; the older ones are given up and counted (R6). */
export const missedFiresMax = 1_000;
/** A fire this late was missed: its owner was gone, or the trigger was paused. */
export const missedAfterMs = 30_000;

export interface DueFires {
  /** Scheduled times to fire for, ascending. */
  readonly fires: readonly number[];
  /** Missed ones that the policy, or the bound, leaves out. */
  readonly skipped: number;
  /** Everything scheduled up to here has been decided. */
  readonly doneTo: number;
}

export class CronFires {
  readonly #schedule: Schedule;
  readonly #missed: string;

  /** Throws for a schedule that deploy should have refused. */
  constructor({ schedule, timezone, missed }: Cron) {
    this.#schedule = new Schedule(schedule, { paused: true, timezone });
    this.#missed = missed;
  }

  /** The first fire after a time, in milliseconds since 1970; undefined where it never fires again. */
  next(afterMs: number): number | undefined {
    return this.#schedule.nextRun(new Date(afterMs))?.getTime();
  }

  /** What was scheduled after `doneTo` and is due at `nowMs`. */
  due(doneTo: number, nowMs: number): DueFires {
    const all = this.#scheduled(doneTo, nowMs);
    const fires = this.#kept(all.times, nowMs);
    return { fires, skipped: all.count - fires.length, doneTo: Math.max(doneTo, nowMs) };
  }

  #kept(times: readonly number[], nowMs: number): readonly number[] {
    if (this.#missed === 'all') return times;
    const inTime = times.filter((time) => nowMs - time < missedAfterMs);
    if (this.#missed === 'skip' || inTime.length > 0) return inTime;
    return times.slice(-1);
  }

  /** The last `missedFiresMax` of them, and how many there were; a year of seconds is not walked through. */
  #scheduled(doneTo: number, nowMs: number): { times: readonly number[]; count: number } {
    const times: number[] = [];
    let count = 0;
    for (let time = this.next(doneTo); time !== undefined && time <= nowMs; time = this.next(time)) {
      times.push(time);
      count++;
      if (times.length > missedFiresMax) times.shift();
      if (count >= walkedMax) return this.#last(nowMs, count);
    }
    return { times, count };
  }

  #last(nowMs: number, count: number): { times: readonly number[]; count: number } {
    // Up to and with this moment: previous runs are those before the next millisecond.
    const times = this.#schedule.previousRuns(missedFiresMax, new Date(nowMs + 1)).map((date) => date.getTime());
    return { times: times.sort((a, b) => a - b), count };
  }
}

/** Fires looked at one by one before only the last ones are asked for. */
const walkedMax = 2 * missedFiresMax;
