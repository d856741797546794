/** What a pilot may use at most, and what it has used. Pure. */
import type { JobPhase } from './scheduler/index.ts';

/** Left off: no limit but the scheduler's. */
export interface NodeLimits {
  readonly nodesMax?: number | undefined;
  readonly nodeHoursMax?: number | undefined;
}

export interface NodeUse {
  readonly nodes: number;
  readonly phase: JobPhase;
  readonly startedAtMs: number | undefined;
  readonly endsAtMs: number | undefined;
  readonly walltimeMs: number | undefined;
}

const hourMs = 3_600_000;

/** Used and still to be used: a job that lives counts to its end, one that waits with all of its walltime. */
export function hoursUsed(uses: readonly NodeUse[], nowMs: number): number {
  return uses.reduce((sum, use) => sum + (use.nodes * usedMs(use, nowMs)) / hourMs, 0);
}

function usedMs({ phase, startedAtMs, endsAtMs, walltimeMs = 0 }: NodeUse, nowMs: number): number {
  if (startedAtMs === undefined) return phase === 'ended' ? 0 : walltimeMs;
  // When an ended job ended is not remembered: its walltime is the most that it can have been.
  const end =
    phase === 'ended' ? Math.min(nowMs, endsAtMs ?? nowMs) : Math.max(nowMs, endsAtMs ?? startedAtMs + walltimeMs);
  return Math.max(0, end - startedAtMs);
}

/** Which blocks to give back for `wanted` nodes: the newest first, whole ones only; as many nodes as fit, never more. */
export function chooseBlocks<T extends { readonly nodes: readonly string[] }>(
  spare: readonly T[],
  wanted: number,
): T[] {
  const chosen: T[] = [];
  let left = wanted;
  for (const block of spare.toReversed()) {
    if (block.nodes.length > left) continue;
    chosen.push(block);
    left -= block.nodes.length;
  }
  return chosen;
}
