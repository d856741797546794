/** When a replayed event is due: as long after the first one as it was recorded, divided by the speed. Pure. */

export interface ReplayAnchor {
  /** The event stored at this time is due at `atMs`; both milliseconds since 1970. */
  readonly fromMs: number;
  readonly atMs: number;
  readonly speed: number;
}

/** Milliseconds from `nowMs` until the event is due; 0 where it is. */
export function replayWaitMs(anchor: ReplayAnchor, storedAtMs: number, nowMs: number): number {
  const dueAtMs = anchor.atMs + (storedAtMs - anchor.fromMs) / anchor.speed;
  return Math.max(0, dueAtMs - nowMs);
}
