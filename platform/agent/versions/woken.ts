/** Whether an instance that a node started by its own decision (design, "Zero") still stands by that decision. Pure. */
import type { FunctionPool } from '../instances/function-pool.ts';

/** A wanted set stated this long after an instance woke by itself knows of it: reports of changes take milliseconds. */
const wokenGraceMs = 500;
/** Without a word from the gateway, an instance that woke by itself waits this long for its next event. */
const wokenIdleMs = 10_000;

/** It stays until the gateway knew of it, and while there is no gateway as long as it has work. Times are monotonic milliseconds. */
export function isFreshlyWoken(pool: FunctionPool, toldAt: number, now: number): boolean {
  if (pool.wanted > 0 || pool.active === 0 || toldAt > pool.wokenAt + wokenGraceMs) return false;
  const idleMs = Math.min(wokenIdleMs, pool.version.spec?.scale?.cooldownMs ?? wokenIdleMs);
  return pool.inFlight > 0 || now < pool.wokenAt + idleMs;
}
