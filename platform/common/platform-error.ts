/** The one error class: a code of the table, a message (what, where, why) and a hint (what to do next). */
import { type ErrorCode, errorCodes, type Fault } from './error-codes.ts';

export interface PlatformErrorOptions {
  /** What to do next, a full sentence or a command. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** A foreign stack (a function's), already mapped to its sources. */
  readonly foreignStack?: string;
}

export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly foreignStack: string;

  constructor(code: ErrorCode, message: string, options: PlatformErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.hint = options.hint ?? '';
    this.foreignStack = options.foreignStack ?? '';
  }

  get fault(): Fault {
    return errorCodes[this.code].fault;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  /** Turns anything thrown into a PlatformError; unknowns become `internal` and keep their cause. */
  static from(thrown: unknown): PlatformError {
    if (thrown instanceof PlatformError) return thrown;
    if (thrown instanceof Error) return new PlatformError('internal', thrown.message, { cause: thrown });
    return new PlatformError('internal', String(thrown));
  }
}

/** The message of anything thrown, for a log field. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
