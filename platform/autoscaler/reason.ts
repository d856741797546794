/** Numbers as they stand in a reason. */

/** 12,345 */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** "20 s", "250 ms" */
export function durationText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}

/** "38/s", "0.25/s" */
export function rateText(perSecond: number): string {
  return `${perSecond >= 10 ? countText(perSecond) : Number(perSecond.toPrecision(2))}/s`;
}
