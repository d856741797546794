// How set-up steps speak: one line per step on stderr, and errors that say what failed and what to do next.
import { realpathSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/** A failed step: `message` says what went wrong, `next` what the reader does about it. */
export class StepError extends Error {
  constructor(message, next, options) {
    super(message, options);
    this.name = 'StepError';
    this.next = next;
  }
}

/** "12 ms" or "3.4 s". */
export function formatDuration(elapsedMs) {
  return elapsedMs < 1000 ? `${Math.round(elapsedMs)} ms` : `${(elapsedMs / 1000).toFixed(1)} s`;
}

/** True in the file that Node was started with. */
export function isMain(moduleUrl) {
  return argv[1] !== undefined && realpathSync(argv[1]) === fileURLToPath(moduleUrl);
}
