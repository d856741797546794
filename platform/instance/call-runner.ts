/**
 * Runs calls: at most `concurrency` at once, for `handleBatch` as many batches. What waits is given out in the order of
 * arrival, and each call is answered by itself, whether it ran alone or among others.
 */
import { PlatformError, SlotMap } from '#common';
import type { LoadHeader } from '#frames';
import type { FunctionDefinition, FunctionEvent, FunctionResult } from '#sdk';
import { BatchContext, HostContext, HostEvent, type HostLink, type LazyCall } from './call-context.ts';
import { handlePack, requireResults } from './handle-pack.ts';

type Handler = Extract<FunctionDefinition, { handle: unknown }>;
type BatchHandler = Extract<FunctionDefinition, { handleBatch: unknown }>;
type Answer = FunctionResult | AsyncIterable<FunctionResult>;

/** Where answers go. */
export interface CallSink {
  succeeded(call: LazyCall, result: FunctionResult): void;
  /** Sends the pieces one by one; settles once the call has been answered, well or not. */
  streamed(call: LazyCall, pieces: AsyncIterable<FunctionResult>): Promise<void>;
  failed(call: LazyCall, error: unknown): void;
  /** One result, or what it failed with, for each member of the pack. */
  packed(call: LazyCall, results: readonly (FunctionResult | Error)[]): void;
  /** Nothing runs and nothing waits. */
  idle(): void;
}

interface WaitingCall {
  readonly call: LazyCall;
  /** Undefined where it is claimed. */
  readonly body: Uint8Array | undefined;
}

interface WaitingPack {
  readonly call: LazyCall;
  readonly pack: Uint8Array;
}

export class CallRunner {
  /** By the id of their frame. */
  readonly running = new SlotMap<number, LazyCall>();
  readonly #waiting: WaitingCall[] = [];
  readonly #packs: WaitingPack[] = [];
  readonly #definition: FunctionDefinition;
  readonly #link: HostLink;
  readonly #sink: CallSink;
  readonly #load: LoadHeader;
  #batches = 0;
  #batchTimer: NodeJS.Timeout | undefined;

  constructor(definition: FunctionDefinition, link: HostLink, sink: CallSink) {
    this.#definition = definition;
    this.#link = link;
    this.#sink = sink;
    this.#load = link.load;
  }

  get isIdle(): boolean {
    return this.running.size === 0 && this.#waiting.length === 0 && this.#packs.length === 0;
  }

  receive(call: LazyCall, body: Uint8Array | undefined): void {
    this.#waiting.push({ call, body });
    this.#runWaiting();
  }

  /** Its members are given in batches, one after the other, and answered together. */
  receivePack(call: LazyCall, pack: Uint8Array): void {
    this.#packs.push({ call, pack });
    this.#runWaiting();
  }

  /** A call that runs or waits. */
  find(frameId: number): LazyCall | undefined {
    return this.running.get(frameId) ?? this.#waiting.find(({ call }) => call.frameId === frameId)?.call;
  }

  /** Nobody waits for the call any more; one that has not begun is answered at once. */
  cancel(frameId: number): void {
    const running = this.running.get(frameId);
    if (running) return running.cancel();
    const waiting = takeOut(this.#waiting, frameId) ?? takeOut(this.#packs, frameId);
    if (waiting)
      this.#sink.failed(waiting.call, new PlatformError('cancelled', 'the call was cancelled before it began'));
  }

  #runWaiting(): void {
    if ('handle' in this.#definition) {
      while (this.running.size < this.#load.concurrency) {
        const next = this.#waiting.shift();
        if (!next) break;
        this.#runOne(this.#definition, next);
      }
    } else this.#runBatches(this.#definition);
    while (this.#packs.length > 0 && this.#batches < this.#load.concurrency) {
      const next = this.#packs.shift();
      if (next) void this.#runPack(next);
    }
    if (this.isIdle) this.#sink.idle();
  }

  /** A handler that returns a value, not a promise, settles without a turn of the event loop. */
  #runOne(definition: Handler, { call, body }: WaitingCall): void {
    this.#begin(call);
    try {
      const answer = definition.handle(new HostEvent(call, body), new HostContext(call, this.#link));
      if (isThenable(answer)) {
        answer.then(
          (value) => this.#answer(call, value),
          (error: unknown) => this.#fail(call, error),
        );
      } else this.#answer(call, answer);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** A full batch runs at once; a smaller one when its first event has waited long enough. */
  #runBatches(definition: BatchHandler): void {
    const { size, waitMs } = this.#load.batch;
    while (this.#waiting.length > 0 && this.#batches < this.#load.concurrency) {
      const [first] = this.#waiting;
      const leftMs = (first?.call.receivedAt ?? 0) + waitMs - Date.now();
      if (this.#waiting.length < size && leftMs > 0) {
        this.#batchTimer ??= setTimeout(() => {
          this.#batchTimer = undefined;
          this.#runWaiting();
        }, leftMs);
        return;
      }
      void this.#runBatch(definition, this.#waiting.splice(0, size));
    }
  }

  async #runBatch(definition: BatchHandler, batch: readonly WaitingCall[]): Promise<void> {
    this.#batches++;
    const calls = batch.map(({ call }) => call);
    for (const call of calls) this.#begin(call);
    const context = new BatchContext(calls, this.#link);
    try {
      const events: FunctionEvent[] = batch.map(({ call, body }) => new HostEvent(call, body));
      const results: unknown = await definition.handleBatch(events, context);
      requireResults(results, calls.length);
      for (const [at, call] of calls.entries()) {
        const result = results[at];
        if (result instanceof Error) this.#sink.failed(call, result);
        else this.#sink.succeeded(call, result);
      }
    } catch (error) {
      for (const call of calls) this.#sink.failed(call, error);
    }
    for (const call of calls) this.#end(call);
    this.#batches--;
    this.#runWaiting();
  }

  async #runPack({ call, pack }: WaitingPack): Promise<void> {
    this.#batches++;
    this.#begin(call);
    try {
      const results = await handlePack(this.#definition, { call, pack, link: this.#link });
      this.#sink.packed(call, results);
    } catch (error) {
      this.#sink.failed(call, error);
    }
    this.#end(call);
    this.#batches--;
    this.#runWaiting();
  }

  #answer(call: LazyCall, answer: Answer): void {
    if (isAsyncIterable(answer)) {
      void this.#sink.streamed(call, answer).then(() => this.#next(call));
      return;
    }
    this.#sink.succeeded(call, answer);
    this.#next(call);
  }

  #fail(call: LazyCall, error: unknown): void {
    this.#sink.failed(call, error);
    this.#next(call);
  }

  #next(call: LazyCall): void {
    this.#end(call);
    this.#runWaiting();
  }

  #begin(call: LazyCall): void {
    call.startedAt = performance.now();
    this.running.set(call.frameId, call);
  }

  #end(call: LazyCall): void {
    call.end();
    this.running.delete(call.frameId);
  }
}

function takeOut<T extends { readonly call: LazyCall }>(waiting: T[], frameId: number): T | undefined {
  const at = waiting.findIndex(({ call }) => call.frameId === frameId);
  return at < 0 ? undefined : waiting.splice(at, 1)[0];
}

function isThenable(value: unknown): value is Promise<Answer> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isAsyncIterable(value: unknown): value is AsyncIterable<FunctionResult> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
