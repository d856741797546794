/** The JSON headers of frames. Short names on the hot ones: they are written and read once an event. */

export interface HelloHeader {
  readonly instance: string;
}

export interface LoadHeader {
  readonly instance: string;
  readonly node: string;
  readonly function: string;
  readonly version: number;
  readonly digest: string;
  /** Path of the verified bundle. */
  readonly artifact: string;
  readonly config: unknown;
  readonly concurrency: number;
}

/** Header of a `call`. */
export interface CallHeader {
  /** Subject as users write it. */
  readonly s: string;
  /** The event's id. */
  readonly i: string;
  /** Stream sequence, 0 for an invocation. */
  readonly q: number;
  /** Time of the event, milliseconds since 1970. */
  readonly t: number;
  /** Attempt, from 1. */
  readonly a: number;
  /** Timeout in milliseconds from the start of the call. */
  readonly d: number;
  readonly h?: Record<string, string>;
  /** A gathered event: its parts lie in a spool file. */
  readonly g?: SpoolHeader;
}

export interface SpoolHeader {
  readonly path: string;
  readonly key: string;
  readonly reason: string;
  readonly counts: Record<string, number>;
  readonly missing: Record<string, number[]>;
  /** Bytes of the JSON index (GatheredPart[]) at the start of the spool file. */
  readonly indexBytes: number;
}

/** One line of a spool's index. */
export interface GatheredPart {
  readonly kind: string;
  readonly index: number;
  readonly sequence: number;
  readonly offset: number;
  readonly length: number;
  readonly headers: Record<string, string>;
}

/** One output of a `result` in the form `several`. */
export interface OutputHeader {
  readonly length: number;
  readonly subject?: string;
  readonly headers?: Record<string, string>;
}

export interface ErrorHeader {
  /** failed, rejected, retry or load. */
  readonly kind: 'failed' | 'rejected' | 'retry' | 'load';
  readonly message: string;
  readonly stack: string;
  readonly retryAfterMs?: number;
}

export interface LogHeader {
  readonly level: string;
  readonly call: string;
}

export interface PublishHeader {
  /** Numbers the publishes of an instance. */
  readonly token: number;
  readonly subject: string;
  readonly messageId: string;
  readonly headers: Record<string, string>;
}

export interface PublishedHeader {
  readonly token: number;
  /** Empty when the stream has stored it. */
  readonly error: string;
}
