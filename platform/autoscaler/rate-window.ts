/**
 * How fast events come, from totals seen at each round. The 60 s window is steady but slow, those of 6 s and 2 s are quick
 * but noisy: a shorter one counts only where it differs from the longer one by more than chance would make it. A step fills
 * 2 s only after 2 s: it is seen sooner, in the last two spans of a quarter second.
 */
import type { ScaleTuning } from './signals.ts';

/** Totals as they were seen, oldest first. */
export type RateMemory = readonly { readonly at: number; readonly total: number }[];

export interface Rate {
  readonly perSecond: number;
  /** The window that it was taken from. */
  readonly windowMs: number;
  /** `burst` and `lull`: a shorter window than the longest says so. */
  readonly mode: 'steady' | 'burst' | 'lull';
}

const windowsMs = [60_000, 6_000, 2_000] as const;
const longestMs = 60_000;
/** Two seconds of silence proves little: sources send in bunches. */
const lullWindowMinMs = 6_000;
/** At least so long is each of the two spans that show a step; a round's distance is. */
const stepSpanMinMs = 200;
/** Both together; where rounds are further apart, the window of 2 s says as much. */
const stepSpansMaxMs = 1_500;
/** Totals this young are kept as they are; of older ones one a second is enough. */
const denseMs = 3_000;
const thinnedMs = 1_000;
const denseStepMs = 100;
/** A rate needs this much history. */
const spanMinMs = 500;

export function rememberTotal(memory: RateMemory, at: number, total: number): RateMemory {
  const last = memory.at(-1);
  // The consumer was made anew, or the counter began again: what was before says nothing.
  if (last && total < last.total) return [{ at, total }];
  const kept: { at: number; total: number }[] = [];
  for (const entry of memory) {
    if (at - entry.at > longestMs + thinnedMs) continue;
    const step = at - entry.at > denseMs ? thinnedMs : denseStepMs;
    const before = kept.at(-1);
    if (!before || entry.at - before.at >= step) kept.push(entry);
  }
  return [...kept, { at, total }];
}

/** So many came within so long. */
interface Count {
  readonly count: number;
  readonly spanMs: number;
}

/** Undefined while there is too little history. */
export function rateOf(memory: RateMemory, now: number, tuning: ScaleTuning): Rate | undefined {
  let steady: Rate | undefined;
  let rate: Rate | undefined;
  for (const windowMs of windowsMs) {
    const seen = countSince(memory, now, windowMs);
    if (seen.spanMs < spanMinMs) continue;
    steady ??= { perSecond: perSecondOf(seen), windowMs: Math.min(seen.spanMs, windowMs), mode: 'steady' };
    rate = rate ? sharper(rate, { ...seen, windowMs }, tuning) : steady;
  }
  if (!steady || !rate) return rate;
  const step = stepOf(memory, now, steady, tuning);
  // Only until the window of 2 s has nearly caught up: it is the steadier of the two.
  return step && step.perSecond > rate.perSecond * tuning.burstRatio ? step : rate;
}

function sharper(rate: Rate, seen: Count & { readonly windowMs: number }, tuning: ScaleTuning): Rate {
  const { count, spanMs, windowMs } = seen;
  const expected = (rate.perSecond * spanMs) / 1_000;
  const isLull =
    windowMs >= lullWindowMinMs &&
    count * tuning.burstRatio < expected &&
    expected - count > chanceOf(expected, tuning);
  if (!isLull && !isBurst(seen, rate, tuning)) return rate;
  return { perSecond: perSecondOf(seen), windowMs: spanMs, mode: isLull ? 'lull' : 'burst' };
}

/**
 * A step shows in both of the last two spans, a bunch of events in one of them only. So the poorer one counts, against the
 * steady rate: that of 2 s has risen already, and is not yet what the step will make it.
 */
function stepOf(memory: RateMemory, now: number, steady: Rate, tuning: ScaleTuning): Rate | undefined {
  const last = countSince(memory, now, stepSpanMinMs);
  const both = countSince(memory, now, last.spanMs + stepSpanMinMs);
  const first = { count: both.count - last.count, spanMs: both.spanMs - last.spanMs };
  if (first.spanMs < stepSpanMinMs || both.spanMs > stepSpansMaxMs) return undefined;
  const poorer = perSecondOf(first) < perSecondOf(last) ? first : last;
  if (!isBurst(poorer, steady, tuning)) return undefined;
  return { perSecond: perSecondOf(poorer), windowMs: both.spanMs, mode: 'burst' };
}

/** More than the rate makes likely, and by a factor that matters. */
function isBurst({ count, spanMs }: Count, { perSecond }: Rate, tuning: ScaleTuning): boolean {
  const expected = (perSecond * spanMs) / 1_000;
  return count > expected * tuning.burstRatio && count - expected > chanceOf(expected, tuning);
}

/** What chance alone adds to, or takes from, so many events of a Poisson source. */
function chanceOf(expected: number, { burstSigmas }: ScaleTuning): number {
  return burstSigmas * Math.sqrt(Math.max(expected, 1));
}

function perSecondOf({ count, spanMs }: Count): number {
  return (count * 1_000) / spanMs;
}

/** What came within the window, and how much of the window is known. */
function countSince(memory: RateMemory, now: number, windowMs: number): Count {
  const last = memory.at(-1);
  if (!last) return { count: 0, spanMs: 0 };
  let first = last;
  for (let at = memory.length - 1; at >= 0; at--) {
    const entry = memory[at];
    if (!entry) break;
    first = entry;
    if (now - entry.at >= windowMs) break;
  }
  return { count: last.total - first.total, spanMs: now - first.at };
}
