/** What one can ask of asynchronous calls. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { callsConsumer, EventPublisher, ensureConsumer, streamFilter, streams } from '#broker';
import { type Clock, formatBytes, PlatformError } from '#common';
import type {
  InvokeAsyncRequest,
  InvokeRequest,
  InvokeResponse,
  ListCallsRequest,
  ListCallsResponse,
  StoredCall,
} from '#proto';
import type { Registry } from '#registry';
import { invokePayloadBytesMax } from '#rpc';
import type { Logger } from '#telemetry';
import { Changes } from '../changes.ts';
import { CallRunner } from './call-runner.ts';
import { CallStore, isEnded, type KnownCall } from './call-store.ts';

export interface CallsOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly inbox: string;
  readonly registry: Registry;
  readonly invoke: (request: InvokeRequest, signal: AbortSignal, dueMs: number) => Promise<InvokeResponse>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const waitMsMax = 24 * 3_600_000;
/** A wait looks again this often at least: the call may have ended at another gateway. */
const lookMs = 2_000;
/** A cancelled call races with its own end a few times at most. */
const cancelsMax = 5;

export class Calls {
  readonly #options: CallsOptions;
  readonly #publisher: EventPublisher;
  readonly #store: CallStore;
  readonly #runner: CallRunner;
  readonly #ended = new Changes();
  readonly #lostCheck: NodeJS.Timeout;

  private constructor(options: CallsOptions) {
    const { connection, inbox, clock } = options;
    this.#options = options;
    this.#publisher = new EventPublisher({ connection, inbox, clock });
    this.#lostCheck = setInterval(() => this.#publisher.checkLost(), 1_000);
    this.#store = new CallStore({ ...options, publisher: this.#publisher });
    this.#runner = new CallRunner({ ...options, store: this.#store, ended: this.#ended });
  }

  static async open(options: CallsOptions): Promise<Calls> {
    await ensureConsumer(options.manager, streams.calls, callsConsumer, streamFilter(streams.calls));
    return new Calls(options);
  }

  /** Throws `not-found` for a function or version that is not there, `payload-too-large`, `no-capacity`. */
  async submit({ call, keepMs }: InvokeAsyncRequest): Promise<string> {
    if (!call) throw new PlatformError('usage', 'an asynchronous call names a function');
    this.#options.registry.resolve(call.function, call.version);
    const { length } = call.payload;
    if (length > invokePayloadBytesMax) {
      const limit = formatBytes(invokePayloadBytesMax);
      throw new PlatformError(
        'payload-too-large',
        `the payload has ${length} bytes, the limit of an invocation is ${limit}`,
      );
    }
    return (await this.#store.submit(call, keepMs)).callId;
  }

  get(callId: string): Promise<KnownCall> {
    return this.#store.get(callId);
  }

  /** Throws `timeout` where it has not ended in time. */
  async wait(callId: string, timeoutMs: number, signal: AbortSignal): Promise<KnownCall> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + Math.min(timeoutMs || waitMsMax, waitMsMax);
    for (;;) {
      const known = await this.#store.get(callId);
      if (isEnded(known.call)) return known;
      const left = deadline - clock.monotonic();
      if (left <= 0 || signal.aborted)
        throw new PlatformError('timeout', `call ${callId} is still ${known.call.state}`, {
          hint: 'It goes on: wait again.',
        });
      await this.#ended.next(clock, Math.min(left, lookMs), signal);
    }
  }

  /** Throws `not-found` for a function that is not there and has no calls. */
  async *list(
    { function: functionName, limit }: ListCallsRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ListCallsResponse, void, void> {
    let count = 0;
    for await (const call of this.#store.list(functionName, signal)) {
      if (limit > 0 && count >= limit) return;
      count++;
      yield { call };
    }
    // Calls outlive their function; a name that nothing was ever called by is a mistake.
    if (count === 0 && functionName !== '') this.#options.registry.get(functionName);
  }

  /** The last word on it is written first: what it still comes to is refused. */
  async cancel(callId: string): Promise<StoredCall> {
    for (let attempt = 1; ; attempt++) {
      const { call, revision } = await this.#store.get(callId);
      if (isEnded(call)) return call;
      const endedAtMs = this.#options.clock.now();
      const cancelled = { ...call, state: 'cancelled', endedAtMs, keptUntilMs: endedAtMs + call.keptUntilMs };
      try {
        await this.#store.write({ call: cancelled, payload: Buffer.alloc(0), revision });
        this.#runner.cancel(callId);
        this.#ended.announce();
        return cancelled;
      } catch (error) {
        if (PlatformError.from(error).code !== 'conflict' || attempt >= cancelsMax) throw error;
      }
    }
  }

  /** After a reconnect. */
  reset(): void {
    this.#publisher.reset();
    this.#runner.reset();
  }

  async close(): Promise<void> {
    clearInterval(this.#lostCheck);
    await this.#runner.close();
    this.#publisher.close();
  }
}
