/** Which lines of a log are read. */
export interface LogsOptions {
  readonly follow?: boolean;
  /** Milliseconds since 1970; default: all that is kept. */
  readonly sinceMs?: number;
  /** Goes on behind a line that was read before: its sequence and one. */
  readonly fromSequence?: number;
  /** Only lines of this level and worse. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  readonly signal?: AbortSignal;
}
