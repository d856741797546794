/** Errors that say what should become of the event. Any other error is retried under the manifest's `retry`. */

export interface FailureOptions {
  readonly cause?: unknown;
}

/**
 * "Not now": the event is tried again, after `afterMs` where that is a finite number, else after the manifest's backoff. Counts as
 * an attempt.
 */
export class Retry extends Error {
  readonly pilotfish = 'retry';
  readonly afterMs: number | undefined;

  constructor(options: FailureOptions & { readonly afterMs?: number; readonly message?: string } = {}) {
    super(options.message ?? 'the function asked for a retry', { cause: options.cause });
    this.name = 'Retry';
    this.afterMs = options.afterMs;
  }
}

/** "Never": the event goes to the dead letters at once, with this reason; an invocation fails with it. */
export class Reject extends Error {
  readonly pilotfish = 'reject';

  constructor(reason: string, options: FailureOptions = {}) {
    super(reason, { cause: options.cause });
    this.name = 'Reject';
  }
}

export type Failure =
  | { readonly kind: 'retry'; readonly afterMs: number | undefined }
  | { readonly kind: 'reject' }
  | { readonly kind: 'error' };

/** Of a header that is not there, say, `Number` makes no number, and no frame could say it. */
function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** What a thrown value asks for, whichever copy of this file it came from. */
export function readFailure(thrown: unknown): Failure {
  if (typeof thrown !== 'object' || thrown === null || !('pilotfish' in thrown)) return { kind: 'error' };
  if (thrown.pilotfish === 'reject') return { kind: 'reject' };
  if (thrown.pilotfish !== 'retry') return { kind: 'error' };
  return { kind: 'retry', afterMs: 'afterMs' in thrown ? finite(thrown.afterMs) : undefined };
}
