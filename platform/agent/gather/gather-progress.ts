/** A gather's keys as reports show them. */
import type { GatherProgress } from '#proto';
import type { ClosedKey, OpenKeyState } from '#routing';

export function progressOf(trigger: string, state: OpenKeyState): GatherProgress {
  return {
    trigger,
    key: state.key,
    received: { ...state.parts },
    expected: { ...state.expected },
    openedAtMs: state.openedAtMs,
    closedAtMs: 0,
    reason: '',
    lastPartAtMs: state.lastNewAtMs,
  };
}

export function closedProgress(trigger: string, closed: ClosedKey): GatherProgress {
  return {
    trigger,
    key: closed.key,
    received: { ...closed.parts },
    expected: { ...closed.expected },
    openedAtMs: closed.openedAt,
    closedAtMs: closed.closedAt,
    reason: closed.reason,
    lastPartAtMs: closed.closedAt,
  };
}
