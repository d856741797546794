/** How many instances the work asks for, before any bound: the formula of README.md. */
import { formatCount } from '#common';
import type { Rate } from './rate-window.ts';
import { countText, durationText, rateText } from './reason.ts';
import type { ScalePolicy, ScaleSnapshot } from './signals.ts';

export interface Recommendation {
  readonly wanted: number;
  readonly because: string;
}

/** A hair above a whole number is rounding, not need. */
const epsilon = 1e-9;

/** `serviceMs` is the snapshot's, smoothed over some seconds. */
export function recommend(
  snapshot: ScaleSnapshot,
  { rate, serviceMs }: { readonly rate: Rate | undefined; readonly serviceMs: number | undefined },
  policy: ScalePolicy,
): Recommendation {
  const { openKeys, inFlight, concurrency, ready, startError } = snapshot;
  const lag = (snapshot.lag?.pending ?? 0) + (snapshot.lag?.ackPending ?? 0);
  // Calls are in no stream; events inside agents are in both counts.
  const work = Math.max(lag, inFlight) + openKeys;
  const seen = [
    `lag ${countText(lag)}`,
    ...(openKeys > 0 ? [formatCount(openKeys, 'open key')] : []),
    ...(inFlight > lag ? [formatCount(inFlight, 'call')] : []),
  ];
  if (work > 0 && ready === 0 && startError !== '')
    return { wanted: 1, because: `${seen.join(', ')}, no instance starts (${startError}), one keeps trying -> 1` };
  if (serviceMs === undefined) {
    if (work === 0) return { wanted: 0, because: 'nothing to do -> 0' };
    return { wanted: 1, because: `${seen.join(', ')}, service time not measured yet -> 1` };
  }
  const serviceS = Math.max(serviceMs, 0.001) / 1_000;
  const perSecond = rate?.perSecond ?? 0;
  const forRate = (perSecond * serviceS) / (concurrency * policy.tuning.targetUse);
  // An event that waits for the drain target at most is here for its own time longer.
  const forBacklog = (work * serviceS) / ((policy.drainTargetMs / 1_000 + serviceS) * concurrency);
  const exact = Math.max(forRate, forBacklog);
  // With nothing to do now, a trickle is no reason to stay awake: the cooldown is.
  const wanted = work === 0 ? Math.floor(exact + epsilon) : Math.max(1, Math.ceil(exact - epsilon));
  if (wanted === 0) return { wanted, because: 'nothing to do -> 0' };
  if (perSecond > 0) seen.push(`${rateText(perSecond)} in${rate?.mode === 'steady' ? '' : ` (${rate?.mode})`}`);
  seen.push(`${rateText(concurrency / serviceS)} an instance`);
  seen.push(
    forRate >= forBacklog
      ? `busy ${Math.round(policy.tuning.targetUse * 100)} %`
      : `drain target ${durationText(policy.drainTargetMs)}`,
  );
  return { wanted, because: `${seen.join(', ')} -> ${wanted}` };
}
