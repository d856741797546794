/** Holds against swinging: fewer instances only once the whole window was content with fewer, and in bounded steps. */

/** Recommendations of the stabilisation window, oldest first; only those that can still hold a scale-in. */
export type Recommendations = readonly { readonly at: number; readonly wanted: number }[];

/** The largest recommendation of the window. */
export function windowMaximum(recommendations: Recommendations): number {
  return recommendations.reduce((most, entry) => Math.max(most, entry.wanted), 0);
}

export function rememberRecommendation(
  memory: Recommendations,
  { now, wanted, windowMs }: { now: number; wanted: number; windowMs: number },
): Recommendations {
  const kept = memory.filter((entry) => now - entry.at < windowMs && entry.wanted > wanted);
  return [...kept, { at: now, wanted }];
}

/** What was wanted within the last second: the lowest and highest bound the next step. */
export type Steps = readonly { readonly at: number; readonly wanted: number }[];

const stepWindowMs = 1_000;

export function rememberStep(memory: Steps, now: number, wanted: number): Steps {
  const kept = memory.filter((entry) => now - entry.at < stepWindowMs);
  // Between two changes only the first entry matters.
  return kept.at(-1)?.wanted === wanted ? kept : [...kept, { at: now, wanted }];
}

/** Most instances after a second of growth. */
export function stepOutLimit(
  steps: Steps,
  current: number,
  { stepOut, stepOutMin }: { stepOut: number; stepOutMin: number },
): number {
  const lowest = steps.reduce((least, entry) => Math.min(least, entry.wanted), current);
  return Math.max(Math.floor(lowest * stepOut), lowest + stepOutMin);
}

/** Fewest instances after a second of shrinking: half, as Knative's. */
export function stepInLimit(steps: Steps, current: number): number {
  const highest = steps.reduce((most, entry) => Math.max(most, entry.wanted), current);
  return Math.floor(highest / 2);
}
