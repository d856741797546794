/** A phase of a start as a line: when, where, what. */
import { formatDuration } from '#common';
import type { StartPhase } from '#pilot';

export function phaseText({ node, phase, ms }: StartPhase): string {
  return `${formatDuration(ms).padStart(8)}  ${node === '' ? phase : `${node}: ${phase}`}`;
}
