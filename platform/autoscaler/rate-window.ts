/**
 * How fast events come, from totals seen at each round. The 60 s window is steady but slow, those of 6 s and 2 s are quick
 * but noisy: a shorter one counts only where it differs from the longer one by more than chance would make it.
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

/** Undefined while there is too little history. */
export function rateOf(memory: RateMemory, now: number, tuning: ScaleTuning): Rate | undefined {
  let rate: Rate | undefined;
  for (const windowMs of windowsMs) {
    const { count, spanMs } = countSince(memory, now, windowMs);
    if (spanMs < spanMinMs) continue;
    const perSecond = (count * 1_000) / spanMs;
    if (!rate) rate = { perSecond, windowMs: Math.min(spanMs, windowMs), mode: 'steady' };
    else rate = sharper(rate, { count, spanMs, windowMs }, tuning);
  }
  return rate;
}

function sharper(
  rate: Rate,
  { count, spanMs, windowMs }: { count: number; spanMs: number; windowMs: number },
  { burstRatio, burstSigmas }: ScaleTuning,
): Rate {
  const expected = (rate.perSecond * spanMs) / 1_000;
  const chance = burstSigmas * Math.sqrt(Math.max(expected, 1));
  const isBurst = count > expected * burstRatio && count - expected > chance;
  const isLull = windowMs >= lullWindowMinMs && count * burstRatio < expected && expected - count > chance;
  if (!isBurst && !isLull) return rate;
  return { perSecond: (count * 1_000) / spanMs, windowMs: spanMs, mode: isBurst ? 'burst' : 'lull' };
}

/** What came within the window, and how much of the window is known. */
function countSince(memory: RateMemory, now: number, windowMs: number): { count: number; spanMs: number } {
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
