/** What a dead letter tells, as JSON: agents write it, the gateway reads it (R4). */
import type { StreamName } from '../subjects.ts';

export interface DeadLetterBody {
  readonly function: string;
  readonly version: number;
  readonly digest: string;
  readonly trigger: string;
  readonly reason: string;
  readonly deliveries: number;
  readonly redriven?: number;
  readonly attempts: readonly FailedAttempt[];
  /** Of the trace that it belongs to; empty where there is none. */
  readonly traceparent: string;
  readonly event: DeadEvent;
  /** Of a part of a gather that could not be taken. */
  readonly key?: string;
  readonly kind?: string;
  readonly index?: number;
}

export interface DeadEvent {
  readonly stream: StreamName;
  readonly sequence: number;
  /** Its place in the pack of that sequence. */
  readonly member?: number | undefined;
  readonly subject: string;
  /** Milliseconds since 1970, here and below. */
  readonly time: number;
  readonly headers: Record<string, string>;
  /** Of the payload, also where that stayed in the stream: absent then for an empty one. */
  readonly bytes?: number;
  /** In base64. */
  readonly data: string;
}

export interface FailedAttempt {
  readonly time: number;
  readonly node: string;
  readonly instance: string;
  readonly durationMs: number;
  readonly error: string;
  readonly stack: string;
  /** The instance ended meanwhile: not one of the tries that the manifest allows. */
  readonly lost?: boolean;
}
