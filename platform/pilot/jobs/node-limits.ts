/** What a pilot may use at most, and what it has used. Pure. */
import type { JobPhase } from '../scheduler/index.ts';

/** Left off: no limit but the scheduler's. */
export interface NodeLimits {
  readonly nodesMax?: number | undefined;
  readonly nodeHoursMax?: number | undefined;
  /** How long nodes are kept that the gateway asked for and nothing needs. */
  readonly keepAliveMs?: number | undefined;
}

export interface NodeUse {
  readonly nodes: number;
  readonly phase: JobPhase;
  readonly startedAtMs: number | undefined;
  /** When its job was seen to have ended. */
  readonly endedAtMs?: number | undefined;
  readonly endsAtMs: number | undefined;
  readonly walltimeMs: number | undefined;
}

const hourMs = 3_600_000;

/** Used and still to be used: a job that lives counts to its end, one that waits with all of its walltime. */
export function hoursUsed(uses: readonly NodeUse[], nowMs: number): number {
  return uses.reduce((sum, use) => sum + (use.nodes * usedMs(use, nowMs)) / hourMs, 0);
}

/** Used so far. */
export function hoursSpent(uses: readonly NodeUse[], nowMs: number): number {
  return uses.reduce((sum, use) => sum + (use.nodes * spentMs(use, nowMs)) / hourMs, 0);
}

function usedMs(use: NodeUse, nowMs: number): number {
  const { phase, startedAtMs, endsAtMs, walltimeMs = 0 } = use;
  if (phase === 'ended') return spentMs(use, nowMs);
  if (startedAtMs === undefined) return walltimeMs;
  return Math.max(0, Math.max(nowMs, endsAtMs ?? startedAtMs + walltimeMs) - startedAtMs);
}

function spentMs({ phase, startedAtMs, endedAtMs, endsAtMs }: NodeUse, nowMs: number): number {
  if (startedAtMs === undefined) return 0;
  // Where nobody saw the end, the walltime is the most that it can have been.
  const end = phase === 'ended' ? Math.min(nowMs, endedAtMs ?? endsAtMs ?? nowMs) : nowMs;
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
