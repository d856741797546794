/** What is read off a run once it is over. */
import type { Trace } from './traces.ts';

/** From each disturbance to the last miss before the next one, the longest. `misses`: when, in milliseconds. */
export function recoverSeconds({ disturbances, seconds }: Trace, misses: readonly number[]): number {
  const spans = disturbances.map((from, at) => {
    const until = (disturbances[at + 1] ?? seconds) * 1_000;
    let last = from * 1_000;
    for (const miss of misses) if (miss >= from * 1_000 && miss < until) last = Math.max(last, miss);
    return last / 1_000 - from;
  });
  return Math.max(0, ...spans);
}

/** Instances that the arrivals keep busy at their height. */
export function peakNeed({ seconds, functions }: Trace): number {
  let peak = 1;
  for (let second = 0; second < seconds; second++) {
    const need = functions.reduce((sum, { rate, serviceMeanMs }) => sum + (rate(second) * serviceMeanMs) / 1_000, 0);
    peak = Math.max(peak, need);
  }
  return peak;
}
