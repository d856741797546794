/**
 * The life of one event on this node, from its pull to its ack (design: R2-R4, "Leases", "Attempts").
 * Every path ends in exactly one of: ack, nak, or silence when the lease was lost.
 */
import {
  deadLetterSubject,
  type EventName,
  encodeHeaders,
  encodeRetry,
  eventName,
  type FailedAttempt,
  leaseMs,
  messageIdHeader,
  ownHeaders,
  type PulledEvent,
  retryId,
  retrySubject,
} from '#broker';
import { backoffMs, formatTimes, giveBackBuffer, messageOf, PlatformError, parseTraceparent } from '#common';
import type { ErrorHeader } from '#frames';
import type { CallOutcome, CallRun } from '../call.ts';
import type { EventTrace } from '../traces/event-trace.ts';
import type { PackTrace } from '../traces/pack-trace.ts';
import { traceHeaders } from '../traces/trace-headers.ts';
import { type AttemptRecord, deadLetterBody, failuresOf, lossesMax } from './dead-letter.ts';
import { lostBackoff, refusedBackoff, unstartableWaitMs } from './delivery-waits.ts';
import { type EventOutput, outputsOf, type ReturnedResult } from './event-outputs.ts';
import type { TriggerRoute } from './trigger-route.ts';

/** What went wrong in a call; without a kind an ordinary failure. */
type Failure = Pick<ErrorHeader, 'message'> & Partial<ErrorHeader>;

const emptyPayload = new Uint8Array(0);

/** Who handed the event to an instance, and is told what becomes of it. */
export interface DeliveryOwner {
  /** The event is over for this agent. */
  readonly released: (delivery: Delivery) => void;
  /** With order: keeps an event that is to be tried again, and its key, for so long. */
  readonly again?: (delivery: Delivery, delayMs: number) => void;
}

export class Delivery {
  /** Its place in the stream, with that in its pack if it came in one. */
  readonly name: EventName;
  readonly event: PulledEvent;
  /** Changes when the server gives us the same event again: the newest delivery's subject counts. */
  ackSubject: string;
  /** Monotonic time until which the server has promised not to give the event to anybody else. */
  leaseUntil: number;
  deliveries: number;
  /** Failed attempts before this one. */
  earlier: readonly FailedAttempt[] = [];
  /** Where it is traced. */
  trace: EventTrace | PackTrace | undefined;
  readonly #route: TriggerRoute;
  readonly #owner: DeliveryOwner;
  #openOutputs = 0;
  #refusal: PlatformError | undefined;
  #over = false;

  constructor(event: PulledEvent, route: TriggerRoute, owner: DeliveryOwner) {
    this.event = event;
    this.name = eventName(event);
    this.ackSubject = event.ackSubject;
    this.deliveries = event.deliveries;
    this.leaseUntil = route.leases.provenAt + leaseMs;
    this.#route = route;
    this.#owner = owner;
  }

  /** 1 for the first try; instances that were lost under it do not count. */
  get attempt(): number {
    return failuresOf(this.earlier) + 1;
  }

  /** Nobody has had it before. */
  get isFirst(): boolean {
    return this.deliveries === 1 && this.event.retry === undefined;
  }

  /** False for an event that lay on the line, or in a stopped process, for longer than its lease. */
  get leased(): boolean {
    return this.#route.clock.monotonic() < this.leaseUntil;
  }

  /** It is about to be handed to an instance. */
  beginTrace(): void {
    // With order it is tried again while it stays here.
    this.trace?.end(this.#route.clock.now());
    this.trace = this.#route.traces?.begin(this.event, this.#route, this.attempt);
  }

  /** The same event came again to this agent: its lease is new. */
  renew(event: PulledEvent): void {
    this.ackSubject = event.ackSubject;
    this.deliveries = event.deliveries;
    this.leaseUntil = this.#route.leases.provenAt + leaseMs;
  }

  /** It has been acked, given back or given up. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Cut off from the broker for longer than the lease: somebody else has the event now, and we say nothing more of it. */
  abandon(): void {
    this.#end();
  }

  /** What the call came to. */
  settle(outcome: CallOutcome, run: CallRun): void {
    if (this.#over) return outcome.kind === 'result' ? outcome.left?.release() : undefined;
    this.trace?.handled(outcome, run, this.#route.clock.now());
    switch (outcome.kind) {
      case 'result':
        return this.#publishOutputs(outcome, run);
      case 'failed':
        return this.#failed(outcome.error, run);
      case 'timeout':
        return this.#failed({ message: `the call ran longer than its timeout of ${outcome.timeoutMs} ms` }, run);
      case 'lost':
        return this.#lost(outcome, run);
      case 'unstartable':
        return this.nak(unstartableWaitMs(outcome, this.deliveries));
    }
  }

  /** Refused for good before or instead of a call. */
  deadLetter(reason: string, attempts: readonly FailedAttempt[]): void {
    const trace = this.#traceHeaders();
    const record: AttemptRecord = { reason, attempts, deliveries: this.deliveries, traceparent: trace[0]?.[1] ?? '' };
    const body = deadLetterBody(record, this.event, this.#route);
    // The id makes the dead letter appear once, however often the event comes back; after a redrive it is a new one.
    const redriven = this.event.retry?.redriven ?? 0;
    const again = redriven > 0 ? `.r${redriven}` : '';
    const headers = encodeHeaders([
      [messageIdHeader, `dlq.${this.#route.idOf(this.name)}${again}`],
      ['Pilotfish-Version', this.#route.versionText],
      ...trace,
    ]);
    this.#route.publisher.publish(deadLetterSubject(this.#route.functionName), body, headers, (error) => {
      if (error) return this.nak(refusedBackoff.maxMs);
      this.#route.attempts.forget(this.name);
      this.ack();
    });
  }

  ack(): void {
    if (this.#over) return;
    this.#route.connection.publish(this.ackSubject, emptyPayload);
    this.#end();
  }

  /** Gives the event back, for redelivery after the delay. A lease that has run out, or will before this arrives, is not ours to give back. */
  nak(delayMs: number): void {
    if (this.#over) return;
    this.#refusal = undefined;
    // In order, it keeps its place and its lease: given back, it would come behind younger ones of its key.
    const { again } = this.#owner;
    if (again) return again(this, delayMs);
    if (this.leased && this.#route.leases.connected) {
      this.#route.connection.publish(this.ackSubject, `-NAK {"delay":${Math.max(1, Math.round(delayMs))}000000}`);
    }
    this.#end();
  }

  /** Asks for a further lease; the lease keeper tells `leaseUntil` what became of it. */
  extend(): void {
    if (!this.#over) this.#route.connection.publish(this.ackSubject, '+WPI');
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.trace?.end(this.#route.clock.now());
    this.#owner.released(this);
  }

  /** Of what comes of the event. */
  #traceHeaders(): [string, string][] {
    return this.trace?.headers ?? traceHeaders(this.event);
  }

  #publishOutputs(result: ReturnedResult, run: CallRun): void {
    let outputs: readonly EventOutput[];
    try {
      const { event, name } = this;
      outputs = outputsOf(result, { event, name, route: this.#route, trace: this.#traceHeaders() });
    } catch (error) {
      result.left?.release();
      const { message } = PlatformError.from(error);
      return this.#failed({ message: `its outputs cannot be published: ${message}` }, run);
    }
    if (outputs.length === 0) return this.#handled(result);
    this.#openOutputs = outputs.length;
    for (const output of outputs) this.#publish(output, result, run);
  }

  /** What comes of it is stored. Nobody reads the payloads any more, but for those of a member: they lie in those of its pack. */
  #handled({ left, body, spent }: ReturnedResult): void {
    left?.release();
    if (this.#over) return;
    if (this.earlier.length > 0) this.#route.attempts.forget(this.name);
    this.ack();
    if (this.event.member !== undefined) return;
    giveBackBuffer(body);
    if (spent) giveBackBuffer(this.event.message.data);
  }

  /** R2: the event is acked only after every output's PubAck. */
  #publish(output: EventOutput, result: ReturnedResult, run: CallRun): void {
    const { outputs, claimOverBytes, logger, functionName } = this.#route;
    const settled = (error: PlatformError | undefined) => {
      if (error) this.#refusal = error;
      if (--this.#openOutputs > 0) return;
      if (this.#refusal === undefined) return this.#handled(result);
      // What will be refused each time is the function's failure; a full stream is not, it is waited for (R8).
      if (!this.#refusal.retryable)
        return this.#failed({ message: `its outputs were refused: ${this.#refusal.message}` }, run);
      logger.warn({ function: functionName, error: this.#refusal.message }, 'outputs refused, event given back');
      this.nak(refusedBackoff.minMs + backoffMs(this.deliveries, refusedBackoff));
    };
    outputs.store(output, settled, claimOverBytes);
  }

  /** R4: a lost instance spends no attempt; `lossesMax` bounds an event that ends each one. */
  #lost(outcome: CallOutcome & { kind: 'lost' }, run: CallRun): void {
    if (outcome.ended) return this.nak(backoffMs(1, lostBackoff));
    const record = [...this.earlier, { ...this.#attemptOf(run, outcome.reason, ''), lost: true }];
    const losses = record.length - failuresOf(record);
    if (losses >= lossesMax)
      return this.deadLetter(`${losses} instances ended while they handled it, the last: ${outcome.reason}`, record);
    void this.#giveBack(record, backoffMs(losses, lostBackoff));
  }

  #failed({ kind, message, stack = '', retryAfterMs }: Failure, run: CallRun): void {
    void this.#route.mapStack(stack).then((mapped) => {
      const record = [...this.earlier, this.#attemptOf(run, message, mapped)];
      const failures = failuresOf(record);
      const { retry } = this.#route;
      this.#tellAuthor(`attempt ${failures} of ${retry.attempts} failed: ${mapped || message}`, run);
      if (kind === 'rejected') return this.deadLetter(`rejected: ${message}`, record);
      if (failures >= retry.attempts) return this.deadLetter(`failed ${formatTimes(failures)}: ${message}`, record);
      return this.#giveBack(record, retryAfterMs ?? backoffMs(failures, { minMs: retry.minMs, maxMs: retry.maxMs }));
    });
  }

  /** In the function's own log, where its author looks first. */
  #tellAuthor(text: string, { instance }: CallRun): void {
    const { logs, functionName, node } = this.#route;
    logs.write({
      functionName,
      instance: instance || node,
      level: 'error',
      call: this.#route.idOf(this.name),
      trace: parseTraceparent(this.#traceHeaders()[0]?.[1])?.traceId ?? '',
      text,
    });
  }

  #attemptOf(run: CallRun, error: string, stack: string): FailedAttempt {
    const { clock, node } = this.#route;
    return { time: clock.now(), node, instance: run.instance, durationMs: Math.round(run.ms), error, stack };
  }

  /** Only once the attempt is on record may the event come again. */
  async #giveBack(record: readonly FailedAttempt[], delayMs: number): Promise<void> {
    const { attempts, logger, functionName } = this.#route;
    try {
      await attempts.record(this.name, record);
    } catch (error) {
      logger.warn({ function: functionName, error: messageOf(error) }, 'attempt not recorded');
    }
    this.earlier = record;
    if (this.waitsWhereItIs(delayMs)) return this.nak(delayMs);
    this.park(String(record.length), delayMs);
  }

  protected waitsWhereItIs(delayMs: number): boolean {
    const keepsItsPlace = this.#owner.again !== undefined || this.event.retry !== undefined;
    return keepsItsPlace || this.#route.parking.mayWait(this.#route.clock.monotonic(), delayMs);
  }

  /** Moves the event to the RETRIES stream: stored there first, then acked here (R2). Once for each reason (R3). */
  park(reason: string, delayMs: number): void {
    const { publisher, functionName, triggerName, stream, clock } = this.#route;
    const { subject, timeMs, message, streamSequence: sequence, member } = this.event;
    const mark = { notBeforeMs: clock.now() + Math.round(delayMs), redriven: 0 };
    const headers = encodeRetry(
      { stream, sequence, member, timeMs, subject },
      mark,
      ownHeaders(this.event),
      retryId(this.#route.idOf(this.name), reason),
    );
    publisher.publish(retrySubject(functionName, triggerName), message.data, headers, (error) => {
      // No room to park: it waits where it is, like before.
      if (error) this.nak(delayMs);
      else this.ack();
    });
  }
}
