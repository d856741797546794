/**
 * An upstream function does not outrun a downstream one: where that one has all it can have and still is far behind, more
 * results would only wait, and the slots are better used further down.
 */
import { durationText } from './reason.ts';
import type { Downstream } from './signals.ts';

export interface Pressure {
  readonly instancesMax: number;
  readonly because: string;
}

/** Behind by this many drain targets: no more instances. */
const holdTargets = 2;
/** Behind by this many: one fewer a round, down to one. */
const shrinkTargets = 4;

export function pressureOf(downstream: readonly Downstream[], current: number): Pressure | undefined {
  let worst: { readonly behind: number; readonly entry: Downstream } | undefined;
  for (const entry of downstream) {
    // Unknown is no pressure: what is not known does not stop a function.
    if (!entry.atLimit || entry.drainMs === undefined) continue;
    const behind = entry.drainMs / entry.drainTargetMs;
    if (behind >= holdTargets && behind > (worst?.behind ?? 0)) worst = { behind, entry };
  }
  if (!worst) return undefined;
  const shrinks = worst.behind >= shrinkTargets;
  return {
    instancesMax: Math.max(1, shrinks ? current - 1 : current),
    because: `${worst.entry.name} needs ${durationText(worst.entry.drainMs ?? 0)} for what waits there`,
  };
}
