/** Happenings and the autoscaler's decisions as one row, newest first. */
import { withoutResult } from './format.ts';
import type { Entry } from './parts/happening-list.tsx';
import { decisions, happenings } from './state.ts';

export function entries(max: number, wanted: (entry: Entry) => boolean = () => true): Entry[] {
  const decided = decisions.value.map(({ timeMs, function: subject, from, to, reason }) => ({
    timeMs,
    kind: 'scale',
    subject,
    change: `${from} → ${to}`,
    text: withoutResult(reason, to),
    level: 'info',
  }));
  return [...happenings.value, ...decided]
    .filter(wanted)
    .sort((a, b) => b.timeMs - a.timeMs)
    .slice(0, max);
}
