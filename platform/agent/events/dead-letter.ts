/** What a dead letter tells: the event, why it was given up, and each attempt. */
import {
  type DeadLetterBody,
  type FailedAttempt,
  messageBytesMax,
  ownHeaders,
  type PulledEvent,
  userSubject,
} from '#broker';
import type { TriggerRoute } from './trigger-route.ts';

/**
 * Instances that may end while they handle one event (design, "Attempts", deliveriesMax). Counted by us like attempts: the
 * server's count of deliveries also rises at a drain, a lost node, a full node or a full stream, which are no fault of the event.
 */
export const lossesMax = 20;

/** How many of the manifest's tries are spent. */
export function failuresOf(record: readonly FailedAttempt[]): number {
  return record.reduce((count, attempt) => (attempt.lost ? count : count + 1), 0);
}

export interface AttemptRecord {
  readonly reason: string;
  readonly attempts: readonly FailedAttempt[];
  readonly deliveries: number;
  /** Of the trace that it belongs to; empty where there is none. */
  readonly traceparent: string;
}

/** Stacks are cut to this: an error with a megabyte of stack must not be refused by the stream. */
const stackCharsMax = 8_192;

/** In base64 they are a third more; the rest is for the attempts and the headers. */
const payloadBytesMax = Math.floor(messageBytesMax * 0.7);

/** JSON; `data` is the event's payload in base64. */
export function deadLetterBody(record: AttemptRecord, event: PulledEvent, route: TriggerRoute): Uint8Array {
  const headers = ownHeaders(event);
  const { data } = event.message;
  const body: DeadLetterBody = {
    function: route.functionName,
    version: route.versionNumber,
    digest: route.digest,
    trigger: route.triggerName,
    reason: record.reason,
    deliveries: record.deliveries,
    redriven: event.retry?.redriven ?? 0,
    attempts: record.attempts.map((attempt) => ({ ...attempt, stack: attempt.stack.slice(0, stackCharsMax) })),
    traceparent: record.traceparent,
    event: {
      stream: route.stream,
      sequence: event.streamSequence,
      member: event.member,
      subject: userSubject(event.subject),
      time: event.timeMs,
      headers,
      bytes: data.length,
      // A letter over the broker's limit would be refused for ever; that of so large an event tells all but its payload.
      data: data.length > payloadBytesMax ? '' : Buffer.from(data).toString('base64'),
    },
  };
  return Buffer.from(JSON.stringify(body));
}
