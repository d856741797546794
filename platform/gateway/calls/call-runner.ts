/**
 * Runs asynchronous calls: pulls them under a lease that is renewed, so that a gateway that is killed leaves them to the next
 * one; tries again what may be tried again; stores what came of each before it is acked (R2).
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { callsConsumer, EventPuller, leaseMs, type PulledEvent, streams } from '#broker';
import { backoffMs, type Clock, messageOf, PlatformError } from '#common';
import { InvokeRequest, type InvokeResponse, type StoredCall } from '#proto';
import type { Registry } from '#registry';
import { toErrorDetail } from '#rpc';
import type { Logger } from '#telemetry';
import type { Changes } from '../changes.ts';
import { type CallStore, isEnded, type KnownCall } from './call-store.ts';

export interface CallRunnerOptions {
  readonly connection: NatsConnection;
  readonly inbox: string;
  readonly store: CallStore;
  readonly registry: Registry;
  /** Told whenever a call has ended. */
  readonly ended: Changes;
  readonly invoke: (request: InvokeRequest, signal: AbortSignal, dueMs: number) => Promise<InvokeResponse>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Calls that run at a time, each with a payload of up to 8 MiB; the others wait in their stream (R6). */
const callsAtOnceMax = 64;
const lostCheckMs = 1_000;
/** No node has had a slot, or the line was lost: no failure of the call. */
const noRoomMs = 1_000;
/** How often a call may meet that before it is given up. */
const deliveriesMax = 1_000;

export class CallRunner {
  readonly #options: CallRunnerOptions;
  readonly #puller: EventPuller;
  readonly #running = new Map<string, { readonly ackSubject: string; readonly abort: AbortController }>();
  readonly #timers: readonly NodeJS.Timeout[];
  #closed = false;

  constructor(options: CallRunnerOptions) {
    const { connection, inbox, clock } = options;
    this.#options = options;
    this.#puller = new EventPuller({
      connection,
      inbox,
      stream: streams.calls,
      consumer: callsConsumer,
      clock,
      onEvent: (event) => void this.#take(event),
    });
    this.#timers = [
      setInterval(() => this.#puller.checkLost(), lostCheckMs),
      setInterval(() => this.#renew(), leaseMs / 3),
    ];
    this.#updateCredit();
  }

  /** Tells a running call to stop; false where it runs not here. */
  cancel(callId: string): boolean {
    const running = this.#running.get(callId);
    running?.abort.abort();
    return running !== undefined;
  }

  /** After a reconnect: the server has forgotten the pulls. */
  reset(): void {
    this.#puller.reset();
  }

  /** What runs is left to the next gateway: its lease ends. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#puller.close();
    for (const { abort } of this.#running.values()) abort.abort();
  }

  #updateCredit(): void {
    this.#puller.setCredit(this.#closed ? 0 : callsAtOnceMax - this.#running.size);
  }

  #renew(): void {
    for (const { ackSubject } of this.#running.values()) this.#say(ackSubject, '+WPI');
  }

  #say(ackSubject: string, word: string): void {
    if (!this.#closed && !this.#options.connection.isClosed()) this.#options.connection.publish(ackSubject, word);
  }

  async #take({ message, ackSubject, deliveries }: PulledEvent): Promise<void> {
    const callId = message.subject.split('.').slice(1).join('.');
    // It came again while it runs here: only its lease is new.
    if (this.#running.has(callId)) return;
    const abort = new AbortController();
    this.#running.set(callId, { ackSubject, abort });
    try {
      const known = await this.#options.store.find(callId);
      // Cancelled, or ended and not acked any more, or so old that nobody knows of it.
      if (!known || isEnded(known.call)) return this.#say(ackSubject, '');
      const request = InvokeRequest.decode(message.data);
      const retryMs = await this.#run(known, request, abort.signal, deliveries);
      this.#say(ackSubject, retryMs === undefined ? '' : `-NAK {"delay":${Math.round(retryMs)}000000}`);
    } catch (error) {
      this.#options.logger.warn({ call: callId, error: messageOf(error) }, 'asynchronous call given back');
      this.#say(ackSubject, `-NAK {"delay":${noRoomMs}000000}`);
    } finally {
      this.#running.delete(callId);
      this.#updateCredit();
      this.#options.ended.announce();
    }
  }

  /** Undefined once it has ended; else after how long it is to be tried again. */
  async #run(
    { call, revision }: KnownCall,
    request: InvokeRequest,
    signal: AbortSignal,
    deliveries: number,
  ): Promise<number | undefined> {
    const { store, clock, invoke } = this.#options;
    const started: StoredCall = {
      ...call,
      state: 'running',
      startedAtMs: call.startedAtMs || clock.now(),
      attempts: call.attempts + 1,
    };
    await store.write({ call: started, payload: none, revision });
    const now = await store.get(call.callId);
    try {
      const { payload, node, instance, version } = await invoke(request, signal, call.dueAtMs);
      await this.#end(now, { state: 'done', node, instance, version, resultBytes: payload.length }, payload);
      return undefined;
    } catch (thrown) {
      if (this.#closed) throw thrown;
      return await this.#failed(now, PlatformError.from(thrown), signal, deliveries);
    }
  }

  async #failed(
    now: KnownCall,
    error: PlatformError,
    signal: AbortSignal,
    deliveries: number,
  ): Promise<number | undefined> {
    if (signal.aborted) {
      await this.#end(now, { state: 'cancelled' }, none);
      return undefined;
    }
    const { attempts, callId } = now.call;
    const retry = this.#options.registry.latest(now.call.function).spec?.retry ?? { attempts: 1, minMs: 0, maxMs: 0 };
    const noFault = (error.code === 'no-capacity' || error.code === 'unavailable') && deliveries < deliveriesMax;
    if (noFault || (error.retryable && attempts < retry.attempts)) {
      const pauseMs = noFault ? noRoomMs : Math.max(1, backoffMs(attempts, retry));
      const waiting: StoredCall = {
        ...now.call,
        state: 'queued',
        attempts: noFault ? attempts - 1 : attempts,
        error: toErrorDetail(error),
        // Where no node had room it waits on; a failure has its pause.
        dueAtMs: noFault ? now.call.dueAtMs : this.#options.clock.now() + pauseMs,
      };
      await this.#options.store.write({ call: waiting, payload: none, revision: now.revision });
      this.#options.logger.info({ call: callId, error: error.message }, 'asynchronous call tried again');
      return pauseMs;
    }
    await this.#end(now, { state: 'failed', error: toErrorDetail(error) }, none);
    return undefined;
  }

  async #end({ call, revision }: KnownCall, change: Partial<StoredCall>, payload: Buffer): Promise<void> {
    const endedAtMs = this.#options.clock.now();
    const ended = { ...call, error: undefined, ...change, endedAtMs, keptUntilMs: endedAtMs + call.keptUntilMs };
    try {
      await this.#options.store.write({ call: ended, payload, revision });
    } catch (error) {
      // Somebody cancelled it meanwhile: that was the last word.
      if (PlatformError.from(error).code !== 'conflict') throw error;
    }
  }
}

const none = Buffer.alloc(0);
