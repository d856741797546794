/** Bounds by the clock: "from 8 on workdays, for ten hours, at least four". */
import { Cron } from 'croner';

export interface ScheduledBounds {
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name; empty: UTC, because nodes of one pilot need not agree on a zone. */
  readonly timeZone: string;
  /** How long they hold from each time that the pattern names. */
  readonly forMs: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined where the pattern is one; else what is wrong. */
export function cronProblem(cron: string, timeZone: string): string | undefined {
  try {
    const next = compile(cron, timeZone).nextRun();
    return next ? undefined : `"${cron}" never comes`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The bounds that hold at `wallMs`, undefined where none do; of several the first counts. */
export function scheduledAt(schedule: readonly ScheduledBounds[], wallMs: number): ScheduledBounds | undefined {
  return schedule.find((entry) => holdsAt(entry, wallMs));
}

/** The next time that the pattern names after `wallMs - forMs` is not in the future. */
function holdsAt({ cron, timeZone, forMs }: ScheduledBounds, wallMs: number): boolean {
  const begun = compile(cron, timeZone).nextRun(new Date(wallMs - forMs));
  return begun !== null && begun.getTime() <= wallMs;
}

function compile(cron: string, timeZone: string): Cron {
  return new Cron(cron, { timezone: timeZone || 'UTC', mode: '5-part', paused: true });
}
