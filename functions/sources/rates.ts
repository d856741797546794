// When messages are due: rate profiles as one increasing sequence of milliseconds. Every producer makes the same sequence and takes its own
// places from it, so that several keep the rate of one.
import { randomAt } from './random.ts';
import { SourceError } from './settings.ts';

export type RateProfile =
  | { readonly kind: 'max' }
  | { readonly kind: 'constant'; readonly rate: number }
  /** From one rate to another within some seconds; then it stays there. */
  | { readonly kind: 'ramp'; readonly from: number; readonly to: number; readonly seconds: number }
  /** So many at once, then nothing until the next period. */
  | { readonly kind: 'burst'; readonly size: number; readonly seconds: number }
  | { readonly kind: 'sine'; readonly mean: number; readonly swing: number; readonly seconds: number }
  | { readonly kind: 'poisson'; readonly rate: number }
  /** Times in milliseconds; the run ends with them. */
  | { readonly kind: 'recorded'; readonly times: Float64Array };

export const rateForms = 'max, 100/s, ramp:10:200:60s, burst:50:2s, sine:100:50:30s, poisson:100/s, recorded:FILE';
/** More is not a rate but a mistake: nothing publishes that fast. */
const rateMax = 1e7;
const recordedTimesMax = 10_000_000;

/** Reads a profile; `readText` is asked for the file of a recorded one. Throws `SourceError`. */
export function parseRate(text: string, readText: (path: string) => string): RateProfile {
  const [kind = '', ...rest] = text.split(':');
  const wrong = (): SourceError => new SourceError(`"${text}" is no rate; write it like ${rateForms}`);
  if (kind === 'recorded' && rest.length > 0) {
    const path = rest.join(':');
    return { kind, times: parseTimes(readText(path), path) };
  }
  const [first, second, third, ...more] = rest;
  if (more.length > 0) throw wrong();
  const bounded = (value: number | undefined): number => {
    if (value !== undefined && value > 0 && value <= rateMax) return value;
    throw wrong();
  };
  if (rest.length === 0) return kind === 'max' ? { kind } : { kind: 'constant', rate: bounded(perSecond(kind)) };
  if (kind === 'poisson' && rest.length === 1) return { kind, rate: bounded(perSecond(first)) };
  if (kind === 'ramp' && rest.length === 3) {
    return { kind, from: bounded(perSecond(first)), to: bounded(perSecond(second)), seconds: bounded(seconds(third)) };
  }
  if (kind === 'burst' && rest.length === 2) {
    const size = bounded(perSecond(first));
    if (Number.isInteger(size)) return { kind, size, seconds: bounded(seconds(second)) };
  }
  if (kind === 'sine' && rest.length === 3) {
    const mean = bounded(perSecond(first));
    const swing = bounded(perSecond(second));
    if (swing <= mean) return { kind, mean, swing, seconds: bounded(seconds(third)) };
    throw new SourceError(`"${text}" would fall below 0: the swing is at most the mean`);
  }
  throw wrong();
}

/** Milliseconds from the start at which message 0, 1, 2, ... is due. Ends only where a recording does. */
export function* dueTimes(profile: RateProfile, seed: number): Generator<number, void, void> {
  if (profile.kind === 'recorded') {
    yield* profile.times;
    return;
  }
  let sum = 0;
  for (let index = 0; ; index++) {
    if (profile.kind === 'poisson') {
      if (index > 0) sum -= (Math.log(1 - randomAt(seed, index)) / profile.rate) * 1_000;
      yield sum;
    } else yield dueAt(profile, index);
  }
}

function dueAt(profile: Exclude<RateProfile, { kind: 'poisson' | 'recorded' }>, index: number): number {
  switch (profile.kind) {
    case 'max':
      return 0;
    case 'constant':
      return (index / profile.rate) * 1_000;
    case 'burst':
      return Math.floor(index / profile.size) * profile.seconds * 1_000;
    case 'ramp':
      return rampTime(profile, index) * 1_000;
    case 'sine':
      return sineTime(profile, index) * 1_000;
  }
}

/** from t + (to - from) t^2 / 2T = index, solved for t without cancellation. */
function rampTime({ from, to, seconds: span }: RateProfile & { kind: 'ramp' }, index: number): number {
  const inRamp = ((from + to) / 2) * span;
  if (index >= inRamp) return span + (index - inRamp) / to;
  const slope = (to - from) / span;
  return (2 * index) / (from + Math.sqrt(from * from + 2 * slope * index));
}

/** mean t + swing T / 2 pi (1 - cos(2 pi t / T)) = index; the left side never falls, so halving finds t. */
function sineTime({ mean, swing, seconds: period }: RateProfile & { kind: 'sine' }, index: number): number {
  const most = (swing * period) / Math.PI;
  let low = Math.max(0, (index - most) / mean);
  let high = index / mean;
  const sent = (t: number): number => mean * t + (most / 2) * (1 - Math.cos((2 * Math.PI * t) / period));
  for (let step = 0; step < 60 && high - low > 1e-7; step++) {
    const middle = (low + high) / 2;
    if (sent(middle) < index) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function perSecond(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?(?:e\d{1,2})?)(?:\/s)?$/.exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}

function seconds(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text ?? '');
  return match ? Number(match[1]) * (match[2] === 'ms' ? 1e-3 : match[2] === 'm' ? 60 : 1) : undefined;
}

/** One time in seconds a line, not falling; blank lines and what follows "#" are left out. Moved so that the first one is 0. */
function parseTimes(text: string, path: string): Float64Array {
  const times: number[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const plain = line.replace(/#.*/, '').trim();
    if (plain === '') continue;
    const time = Number(plain);
    if (!Number.isFinite(time))
      throw new SourceError(`${path}:${at + 1}: "${plain.slice(0, 40)}" is no time in seconds`);
    if (time < (times.at(-1) ?? Number.NEGATIVE_INFINITY)) {
      throw new SourceError(`${path}:${at + 1}: ${time} comes before the time above it; sort the file`);
    }
    if (times.push(time) > recordedTimesMax) throw new SourceError(`${path} has more than ${recordedTimesMax} times`);
  }
  if (times.length === 0) throw new SourceError(`${path} has no times; write one in seconds a line`);
  const [start = 0] = times;
  return Float64Array.from(times, (time) => (time - start) * 1_000);
}
