/** An event as a consumer gives it to an agent. */
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { HeaderPairs } from './message-headers.ts';

export interface RetryMark {
  /** Not to be tried before this time, milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** How often it was brought back from the dead letters. */
  readonly redriven: number;
}

export interface PulledEvent {
  readonly message: Pick<Msg, 'data' | 'subject'> & {
    readonly headers?: MsgHdrs | undefined;
    readonly pairs?: HeaderPairs;
  };
  /** As it was first stored: a retry's own subject names only its function. */
  readonly subject: string;
  /** Where acks go. */
  readonly ackSubject: string;
  readonly streamSequence: number;
  /** Its place in the pack that the sequence names; absent for an event that came by itself. */
  readonly member?: number;
  readonly deliveries: number;
  /** When the stream stored it, milliseconds since 1970. */
  readonly timeMs: number;
  /** An event that was parked, or redriven from the dead letters; absent for one that comes from its own stream. */
  readonly retry?: RetryMark;
}
