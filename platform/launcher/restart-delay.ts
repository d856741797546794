/** How long a dead child waits for its next start. */

/** The first restart is at once; then 100 ms, doubled up to 5 s. `deaths` counts from 1. No jitter: siblings die apart. */
export function restartDelayMs(deaths: number): number {
  const delayMsMin = 100;
  const delayMsMax = 5_000;
  return deaths <= 1 ? 0 : Math.min(delayMsMax, delayMsMin * 2 ** Math.min(deaths - 2, 20));
}
