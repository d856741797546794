// Injected faults, decided by place: which messages are lost, doubled, sent out of order or late. The same seed gives the same faults.
import { randomAt } from './random.ts';
import { SourceError } from './settings.ts';

/** Shares of the messages, 0 to 1. */
export interface FaultOptions {
  /** Never sent. */
  readonly lose: number;
  /** Sent a second time under another id, as a detector does that repeats itself. */
  readonly double: number;
  /** Sent after up to `disorderReach` later ones. */
  readonly disorder: number;
  readonly disorderReach: number;
  /** Sent `delayMs` too late. */
  readonly delay: number;
  readonly delayMs: number;
  readonly seed: number;
}

export const noFaults: FaultOptions = {
  lose: 0,
  double: 0,
  disorder: 0,
  disorderReach: 8,
  delay: 0,
  delayMs: 0,
  seed: 1,
};

export interface Fault {
  readonly lost: boolean;
  readonly doubled: boolean;
  /** Later messages that go first; 0 for none. */
  readonly after: number;
  readonly delayMs: number;
}

const none: Fault = { lost: false, doubled: false, after: 0, delayMs: 0 };

export function faultAt(options: FaultOptions, index: number): Fault {
  const { lose, double, disorder, disorderReach, delay, delayMs, seed } = options;
  if (lose + double + disorder + delay === 0) return none;
  const hits = (share: number, purpose: number): boolean => share > 0 && randomAt(seed, index, purpose) < share;
  if (hits(lose, 1)) return { ...none, lost: true };
  return {
    lost: false,
    doubled: hits(double, 2),
    after: hits(disorder, 3) ? 1 + Math.floor(randomAt(seed, index, 4) * disorderReach) : 0,
    delayMs: hits(delay, 5) ? delayMs : 0,
  };
}

/** "1%" or "0.01". Throws `SourceError` for what is no share. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%)?$/.exec(text);
  const share = match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw new SourceError(`"${text}" is no share; write it like 1% or 0.01, at most 100%`);
}
