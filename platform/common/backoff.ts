/** Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */

export interface BackoffPolicy {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Delay before attempt `attempt + 1`, `attempt` counting from 1: uniform in [0, min(max, min * 2^(attempt-1))]. */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: () => number = Math.random): number {
  // 2^30 is far past every cap and keeps the product finite.
  const exponent = Math.min(Math.max(attempt, 1) - 1, 30);
  return Math.round(random() * Math.min(policy.maxMs, policy.minMs * 2 ** exponent));
}
