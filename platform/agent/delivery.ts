/**
 * The life of one event on this node, from its pull to its ack (design: R2-R4, "Leases", "Attempts").
 * Every path ends in exactly one of: ack, nak, or silence when the lease was lost.
 */
import type { MsgHdrs } from '@nats-io/transport-node';
import {
  deadLetterSubject,
  encodeHeaders,
  encodeHeadersWithId,
  eventSubject,
  leaseMs,
  messageIdHeader,
  type PulledEvent,
} from '#broker';
import { backoffMs, messageOf, PlatformError } from '#common';
import { type OutputHeader, resultForms } from '#frames';
import type { CallOutcome, CallRun } from './call.ts';
import { type AttemptRecord, deadLetterBody, type FailedAttempt } from './dead-letter.ts';
import type { TriggerRoute } from './trigger-route.ts';

/** An event that keeps killing instances, or agents, ends here whatever its attempts say (design, "Attempts"). */
export const deliveriesMax = 20;

/** First and longest wait of an event whose instance ended or whose outputs were refused: nobody's fault of its own. */
const redeliveryBackoff = { minMs: 100, maxMs: 5_000 };

const emptyPayload = new Uint8Array(0);

export class Delivery {
  readonly sequence: number;
  readonly event: PulledEvent;
  /** Changes when the server gives us the same event again: the newest delivery's subject counts. */
  ackSubject: string;
  /** Monotonic time until which the server has promised not to give the event to anybody else. */
  leaseUntil: number;
  deliveries: number;
  /** Failed attempts before this one. */
  earlier: readonly FailedAttempt[] = [];
  readonly #route: TriggerRoute;
  #openOutputs = 0;
  #refusal: PlatformError | undefined;
  #over = false;

  constructor(event: PulledEvent, route: TriggerRoute) {
    this.event = event;
    this.sequence = event.streamSequence;
    this.ackSubject = event.ackSubject;
    this.deliveries = event.deliveries;
    this.leaseUntil = route.clock.monotonic() + leaseMs;
    this.#route = route;
  }

  get attempt(): number {
    return this.earlier.length + 1;
  }

  /** The same event came again to this agent: its lease is new. */
  renew(event: PulledEvent): void {
    this.ackSubject = event.ackSubject;
    this.deliveries = event.deliveries;
    this.leaseUntil = this.#route.clock.monotonic() + leaseMs;
  }

  /** Cut off from the broker for longer than the lease: somebody else has the event now, and we say nothing more of it. */
  abandon(): void {
    this.#end();
  }

  /** What the call came to. */
  settle(outcome: CallOutcome, run: CallRun): void {
    if (this.#over) return;
    switch (outcome.kind) {
      case 'result':
        return this.#publishOutputs(outcome.form, outcome.header, outcome.body);
      case 'failed':
        return this.#failed(
          outcome.error.kind,
          outcome.error.message,
          outcome.error.stack,
          run,
          outcome.error.retryAfterMs,
        );
      case 'timeout':
        return this.#failed('timeout', `the call ran longer than its timeout of ${outcome.timeoutMs} ms`, '', run);
      case 'lost':
        // R4: a lost instance spends no attempt; deliveriesMax bounds an event that kills each one.
        return this.nak(backoffMs(this.deliveries, redeliveryBackoff));
      case 'unstartable':
        return this.nak(redeliveryBackoff.maxMs);
    }
  }

  /** Refused for good before or instead of a call. */
  deadLetter(reason: string, attempts: readonly FailedAttempt[]): void {
    const record: AttemptRecord = { reason, attempts, deliveries: this.deliveries };
    const body = deadLetterBody(record, this.event, this.#route);
    // The id makes the dead letter appear once, however often the event comes back.
    const headers = encodeHeaders([
      [messageIdHeader, `dlq.${this.#route.idOf(this.sequence)}`],
      ['Pilotfish-Version', this.#route.versionText],
    ]);
    this.#route.publisher.publish(deadLetterSubject(this.#route.functionName), body, headers, (error) => {
      if (error) return this.nak(redeliveryBackoff.maxMs);
      this.#route.attempts.forget(this.sequence);
      this.ack();
    });
  }

  ack(): void {
    if (this.#over) return;
    this.#route.connection.publish(this.ackSubject, emptyPayload);
    this.#end();
  }

  /** Gives the event back, for redelivery after the delay. A lease that has run out is not ours to give back. */
  nak(delayMs: number): void {
    if (this.#over) return;
    if (this.#route.clock.monotonic() < this.leaseUntil) {
      this.#route.connection.publish(this.ackSubject, `-NAK {"delay":${Math.max(1, Math.round(delayMs))}000000}`);
    }
    this.#end();
  }

  /** Asks for a further lease; the caller flushes and tells `leaseUntil` what became of it. */
  extend(): void {
    if (!this.#over) this.#route.connection.publish(this.ackSubject, '+WPI');
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#route.released(this);
  }

  #publishOutputs(form: number, header: string, body: Uint8Array): void {
    if (form === resultForms.none) return this.ack();
    if (form === resultForms.single) {
      const subject = this.#route.outputSubject(this.event);
      if (subject === undefined) return this.ack();
      this.#openOutputs = 1;
      return this.#publish(
        subject,
        body,
        encodeHeadersWithId(this.#route.outputId(this.sequence, 0), this.#route.outputLines),
      );
    }
    let outputs: { subject: string; data: Uint8Array; headers: MsgHdrs }[];
    try {
      outputs = this.#outputsOf(JSON.parse(header) as OutputHeader[], body);
    } catch (error) {
      const { message } = PlatformError.from(error);
      return this.#failed('failed', `its outputs cannot be published: ${message}`, '', { instance: '', ms: 0 });
    }
    if (outputs.length === 0) return this.ack();
    this.#openOutputs = outputs.length;
    for (const output of outputs) this.#publish(output.subject, output.data, output.headers);
  }

  #outputsOf(
    headers: readonly OutputHeader[],
    body: Uint8Array,
  ): { subject: string; data: Uint8Array; headers: MsgHdrs }[] {
    let at = 0;
    return headers.flatMap((output, index) => {
      const data = body.subarray(at, at + output.length);
      at += output.length;
      const subject =
        output.subject === undefined ? this.#route.outputSubject(this.event) : eventSubject(output.subject);
      if (subject === undefined) return [];
      const pairs: [string, string][] = [
        [messageIdHeader, this.#route.outputId(this.sequence, index)],
        ['Pilotfish-Version', this.#route.versionText],
      ];
      for (const [name, value] of Object.entries(output.headers ?? {}))
        if (name !== messageIdHeader) pairs.push([name, value]);
      return [{ subject, data, headers: encodeHeaders(pairs) }];
    });
  }

  /** R2: the event is acked only after every output's PubAck. */
  #publish(subject: string, data: Uint8Array, headers: MsgHdrs): void {
    this.#route.publisher.publish(subject, data, headers, (error) => {
      if (error) this.#refusal = error;
      if (--this.#openOutputs > 0) return;
      if (this.#refusal === undefined) {
        if (this.earlier.length > 0) this.#route.attempts.forget(this.sequence);
        return this.ack();
      }
      this.#route.logger.warn(
        { function: this.#route.functionName, error: this.#refusal.message },
        'outputs refused, event given back',
      );
      this.nak(backoffMs(this.deliveries, redeliveryBackoff));
    });
  }

  #failed(kind: string, message: string, stack: string, run: CallRun, retryAfterMs?: number): void {
    void this.#route.mapStack(stack).then((mapped) => {
      const attempt: FailedAttempt = {
        time: this.#route.clock.now(),
        node: this.#route.node,
        instance: run.instance,
        durationMs: Math.round(run.ms),
        error: message,
        stack: mapped,
      };
      return this.#retryOrGiveUp(kind, message, [...this.earlier, attempt], retryAfterMs);
    });
  }

  async #retryOrGiveUp(kind: string, message: string, attempts: FailedAttempt[], retryAfterMs?: number): Promise<void> {
    const { retry } = this.#route;
    if (kind === 'rejected') return this.deadLetter(`rejected: ${message}`, attempts);
    if (attempts.length >= retry.attempts)
      return this.deadLetter(`failed ${attempts.length} times: ${message}`, attempts);
    const delay = retryAfterMs ?? backoffMs(attempts.length, { minMs: retry.minMs, maxMs: retry.maxMs });
    try {
      // Only once the attempt is on record may the event come again.
      await this.#route.attempts.record(this.sequence, attempts);
    } catch (error) {
      this.#route.logger.warn({ function: this.#route.functionName, error: messageOf(error) }, 'attempt not recorded');
    }
    this.nak(delay);
  }
}
